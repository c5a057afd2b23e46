#!/bin/sh
# What the Raspberry Pi's firmware reads, from the root filesystem into its FAT partition.
# Usage: boot-files.sh ROOT
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$1
boot=$root/boot/firmware

release=$(basename "$(ls -d "$root"/usr/lib/modules/*)") # one kernel, or this fails
mkdir -p "$boot"
cp "$here/boot/config.txt" "$here/boot/cmdline.txt" "$boot/"
cp "$root/boot/vmlinuz-$release" "$boot/vmlinuz"
cp "$root/boot/initrd.img-$release" "$boot/initrd.img"
firmware=$root/usr/lib/raspi-firmware
cp "$firmware"/*.bin "$firmware"/*.elf "$firmware"/*.dat "$boot/"

# Newer kernels have their device trees beside their modules, older ones in /usr/lib/linux-image-*.
trees=""
for folder in "$root/usr/lib/modules/$release"/dtb* "$root/usr/lib/linux-image-$release"; do
    [ ! -d "$folder/broadcom" ] || trees=$folder/broadcom
done
if [ -z "$trees" ]; then
    echo "Kernel $release has no device trees of Broadcom's where they are looked for; boot-files.sh says where." >&2
    exit 65
fi
cp "$trees"/bcm2711-rpi-4-b.dtb "$trees"/bcm2837-rpi-3-b-plus.dtb "$trees"/bcm2837-rpi-3-b.dtb \
    "$trees"/bcm2837-rpi-zero-2-w.dtb "$trees"/bcm2712-rpi-5-b.dtb "$boot/"
# Raspberry Pi 5 with the later chip: the firmware asks for it by Raspberry Pi's own name.
[ ! -e "$trees/bcm2712-d-rpi-5-b.dtb" ] || cp "$trees/bcm2712-d-rpi-5-b.dtb" "$boot/bcm2712d0-rpi-5-b.dtb"

# The kernel is on the FAT partition; a second copy would only fill the root.
rm -f "$root"/boot/vmlinuz-* "$root"/boot/initrd.img-*
