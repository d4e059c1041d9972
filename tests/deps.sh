#!/bin/sh
# Installs the Debian packages that are missing: sh tests/deps.sh build [test|demo]
# The one list of them; tests/run.sh and bots/demo.sh both come here.
set -eu

build="gcc libc6-dev cmake ninja-build pkg-config libuv1-dev liblua5.4-dev
	libsofia-sip-ua-dev libc-ares-dev libmsgpack-dev libjansson-dev
	libedit-dev libsqlite3-dev libcurl4-openssl-dev tzdata
	libcmocka-dev"
demo="python3 sip-tester"
test="python3 python3-pytest python3-msgpack sip-tester clang libclang-rt-dev
	tshark baresip-core kamailio lua-check"

wanted=
for set in "$@"; do
	case $set in
	build) wanted="$wanted $build" ;;
	demo) wanted="$wanted $demo" ;;
	test) wanted="$wanted $test" ;;
	*) echo "deps.sh: no set of packages named $set" >&2; exit 2 ;;
	esac
done

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
	echo "deps.sh: no apt-get here; if the build misses something, these" \
		"are its Debian packages:" $wanted >&2
	exit 0
fi

missing=
for package in $wanted; do
	state=$(dpkg-query -W -f='${Status}\n' "$package" 2>/dev/null || :)
	case $state in
	*"ok installed"*) ;;
	*) missing="$missing $package" ;;
	esac
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "deps.sh: neither root nor sudo; as root:" \
			"apt-get install$missing" >&2
		exit 1
	fi
	as_root=sudo
fi
echo "installing$missing" >&2
# Kamailio is wanted as a program and not as this machine's service: RUNLEVEL=1
# keeps it from being started.
apt() {
	$as_root env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get -q \
		-o DPkg::Lock::Timeout=120 "$@" >&2
}
# Lists of an image may be old or absent: then one update, and once more.
apt install -y --no-install-recommends $missing || {
	apt update
	apt install -y --no-install-recommends $missing
}
case $missing in
*kamailio*)
	[ ! -d /run/systemd/system ] ||
		$as_root systemctl disable --now kamailio >&2 || :
	;;
esac
