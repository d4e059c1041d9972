#!/bin/sh
# Everything: installs what is missing, builds optimised (build/) and with the
# sanitizers (build-asan/), runs all tests of both through ctest, and each
# fuzzer (build-fuzz/) for a moment.
set -eu
cd "$(dirname "$0")/.."

jobs=$(nproc 2>/dev/null || echo 2)
began=$(date +%s)
minutes() {
	took=$(($(date +%s) - began))
	echo "$((took / 60)) min $((took % 60)) s"
}

sh tests/deps.sh build test

build() {
	echo "== build: preset $1"
	# A folder left by another generator or compiler is made anew.
	cmake --preset "$1" || cmake --preset "$1" --fresh
	cmake --build --preset "$1" -j "$jobs"
}

failed=
check() {
	echo "== test: preset $1"
	ctest --preset "$1" -j "$jobs" --output-log "$2/ctest.log" ||
		failed="$failed $1"
}

build default
build asan
build fuzz
ASAN_OPTIONS="detect_leaks=1:abort_on_error=0${ASAN_OPTIONS:+:$ASAN_OPTIONS}"
UBSAN_OPTIONS="print_stacktrace=1${UBSAN_OPTIONS:+:$UBSAN_OPTIONS}"
export ASAN_OPTIONS UBSAN_OPTIONS
check default build
check asan build-asan
check fuzz build-fuzz

echo "== cases of the wire, and the tests that cover them"
python3 tests/rows.py || failed="$failed rows"

# ctest's own closing lines of all, where a reader looks for them: at the end.
for folder in build build-asan build-fuzz; do
	echo "== $folder"
	sed -n '/tests passed/,$p' "$folder/ctest.log" | grep -v ERROR_MESSAGE
done
if [ -n "$failed" ]; then
	echo "== FAILED in preset$failed, after $(minutes)"
	exit 1
fi
echo "== all tests passed, in all builds, in $(minutes)"
