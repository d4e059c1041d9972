#!/bin/sh
# Measures the engine beside the bare SIP stack and Kamailio and prints one
# table. Installs what is missing and builds into build-bench. Its options are
# those of bench.py: --calls N, --runs N, --servers, --cases, --profile, ...
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${BENCH_BUILD:-$root/build-bench}

installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = \
		installed ]
}

# What the bench alone needs. Kamailio is wanted as a program to measure and
# not as this machine's service: RUNLEVEL=1 keeps it from being started.
bench_packages() {
	missing=
	for package in valgrind kamailio kamailio-lua-modules; do
		installed $package || missing="$missing $package"
	done
	[ -n "$missing" ] || return 0
	sudo=
	[ "$(id -u)" = 0 ] || sudo=sudo
	$sudo apt-get update -q >&2
	$sudo env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install \
		-y -q --no-install-recommends $missing >&2
	case $missing in
	*kamailio*)
		[ ! -d /run/systemd/system ] ||
			$sudo systemctl disable --now kamailio >&2 || :
		;;
	esac
}

case " $* " in
*" -h "* | *" --help "*)
	exec /usr/bin/python3 "$here/bench.py" --help
	;;
esac

sh "$root/tests/deps.sh" build demo
bench_packages

mkdir -p "$build"
if ! { cmake -S "$root" -B "$build" -G Ninja \
	-DCMAKE_BUILD_TYPE=RelWithDebInfo -DTANDEM_TESTS=OFF \
	-DTANDEM_BENCH=ON && cmake --build "$build" \
	--target tandem bench_bare; } >"$build/bench.log" 2>&1; then
	cat "$build/bench.log" >&2
	exit 1
fi
exec /usr/bin/python3 "$here/bench.py" --tandem "$build/tandem" \
	--bare "$build/tests/bench/bench_bare" "$@"
