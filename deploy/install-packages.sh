#!/bin/sh
# Install the Debian packages that are missing. Usage: install-packages.sh run|test|arm64|gpio|image
set -eu

run="gcc libsystemd-dev mosquitto pkg-config portaudio19-dev python3-dev python3-venv"
test="fonts-noto-ui-core libasound2-plugins mosquitto-clients openssl postgresql pulseaudio pulseaudio-utils strace systemd-container"
arm64="debian-archive-keyring gcc libc6-dev" # no QEMU: that of Debian 13 cannot count, so the test fetches its own
gpio="bc bison flex gcc libc6-dev linux-source make xz-utils"
image="arch-test binfmt-support bmap-tools dosfstools e2fsprogs genimage mmdebstrap mtools openssh-client qemu-user-static systemd-container xz-utils"

case "${1:-}" in
    run) wanted=$run ;;
    test) wanted="$run $test" ;;
    arm64) wanted=$arm64 ;;
    gpio) wanted=$gpio ;;
    image) wanted=$image ;;
    *) echo "usage: $0 run|test|arm64|gpio|image" >&2; exit 64 ;;
esac

is_installed() {
    [ "$(dpkg-query -W -f '${Status}' "$1" 2>/dev/null || true)" = "install ok installed" ]
}

missing=""
for package in $wanted; do
    is_installed "$package" || missing="$missing $package"
done
browser=""
if [ "$1" = test ] && ! is_installed chromium-headless-shell && ! is_installed chromium; then
    browser=chromium-headless-shell # draws the same as the whole browser, in half the time
    missing="$missing $browser"
fi
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
    as_root=""
elif command -v sudo >/dev/null; then
    as_root="sudo"
else
    as_root="none"
fi
if [ "$as_root" = none ] || ! command -v apt-get >/dev/null; then
    echo "These system packages are missing and cannot be installed from here:$missing; install them, then run make again." >&2
    exit 69
fi

echo "==> Installing system packages:$missing"
$as_root apt-get update -q
if [ -n "$browser" ] && ! $as_root apt-get install -q --dry-run --no-install-recommends $browser >/dev/null 2>&1; then
    missing="${missing%" $browser"} chromium" # not every distribution has it
fi
# Debian's PostgreSQL starts a server of its own when it is installed; the tests start theirs and need none.
no_server=/etc/postgresql-common/createcluster.d/bedside-tests.conf
case "$missing " in
    *" postgresql "*)
        $as_root mkdir -p "${no_server%/*}"
        trap '$as_root rm -f "$no_server"' EXIT  # whoever wants a server later gets Debian's usual one
        echo "create_main_cluster = false" | $as_root tee "$no_server" >/dev/null
        ;;
esac
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing
