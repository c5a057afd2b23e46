#!/bin/sh
# Debian's part of the image as a tar file, kept by a hash of all that goes into it.
# Usage: root-filesystem.sh CACHE_FOLDER; prints the tar file's path. As root.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cache=$1

mirror=http://deb.debian.org/debian
security=http://deb.debian.org/debian-security
parts="main non-free-firmware"
key=$(cat "$here/packages.txt" "$here/apt-preferences" "$0" "$here"/overlay/etc/initramfs-tools/*/* \
    "$here"/overlay/etc/initramfs-tools/scripts/*/* 2>/dev/null | sha256sum | cut -c1-16)
made=$cache/root-$key.tar
if [ -s "$made" ]; then
    echo "$made"
    exit 0
fi

if [ "$(uname -m)" != aarch64 ] && [ ! -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ]; then
    [ -e /proc/sys/fs/binfmt_misc/register ] || mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
    update-binfmts --enable qemu-aarch64
fi

mkdir -p "$cache"
packages=$(grep -v '^#' "$here/packages.txt" | grep . | paste -sd ,)
# update-initramfs under emulation takes most of the time, and several packages ask for it: once, at the end.
# The packages' own hooks for /boot/firmware look for device trees where this kernel has none: boot-files.sh
# lays them. Manuals and translations are for desks.
mmdebstrap --arch=arm64 --variant=apt --mode=root --format=tar --include="$packages" \
    --dpkgopt=force-unsafe-io --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --setup-hook="mkdir -p \"\$1/etc/apt/preferences.d\" && cp '$here/apt-preferences' \"\$1/etc/apt/preferences.d/bedside\"" \
    --essential-hook='chroot "$1" dpkg-divert --quiet --local --rename --add /usr/sbin/update-initramfs' \
    --essential-hook='ln -s /bin/true "$1/usr/sbin/update-initramfs"' \
    --customize-hook="cp -r '$here/overlay/etc/initramfs-tools' \"\$1/etc/\"" \
    --customize-hook='rm "$1/usr/sbin/update-initramfs"' \
    --customize-hook='chroot "$1" dpkg-divert --quiet --local --rename --remove /usr/sbin/update-initramfs' \
    --customize-hook='rm -f "$1"/etc/kernel/*.d/*raspi-firmware "$1"/etc/initramfs/post-update.d/*raspi-firmware' \
    --customize-hook='chroot "$1" update-initramfs -c -k all' \
    trixie "$made.new" \
    "deb $mirror trixie $parts" "deb $mirror trixie-updates $parts" \
    "deb $security trixie-security $parts" "deb $mirror trixie-backports $parts" >&2
mv "$made.new" "$made"
echo "$made"
