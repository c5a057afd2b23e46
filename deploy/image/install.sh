#!/bin/sh
# Make Debian's root filesystem a bed's: our package, our configuration, what runs and what does not.
# Usage: install.sh ROOT DEB. As root.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
checkout=$(cd "$here/../.." && pwd)
root=$1
deb=$2

cp "$deb" "$root/tmp/edge.deb"
chroot "$root" dpkg --force-unsafe-io --install /tmp/edge.deb
rm "$root/tmp/edge.deb"

cp -r "$here/overlay/." "$root/"
chmod 755 "$root"/usr/lib/bedside-ser/* "$root"/etc/initramfs-tools/scripts/*/*
units=$root/etc/systemd/system
for drop_in in "$checkout"/systemd/image/*.service.d; do
    install -D -m 644 -t "$units/${drop_in##*/}" "$drop_in"/*.conf
done

# Where /etc must not be written to, it points to where it may.
rm -f "$root/etc/machine-id" "$root/var/lib/dbus/machine-id"
: >"$root/etc/machine-id"
ln -sf /run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
echo bedside >"$root/etc/hostname"
printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
systemd-tmpfiles --root="$root" --create "$checkout/systemd/image/bedside-image.tmpfiles"

systemctl --root="$root" enable bedside-edge.service bedside-settings.service bedside-led.service \
    bedside-network-watchdog.service bedside-grow-data.service bedside-keep-journal.timer \
    bedside-keep-journal-at-end.service iwd.service ssh.service systemd-networkd.service systemd-resolved.service \
    systemd-timesyncd.service
systemctl --root="$root" disable ssh.socket
# Nobody logs in at the box: no password is set. Nothing is upgraded in place on a read-only root.
systemctl --root="$root" mask getty.target getty@tty1.service serial-getty@.service ssh.socket \
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
    systemd-firstboot.service systemd-random-seed.service systemd-journal-catalog-update.service
chroot "$root" passwd --quiet --lock root
# It would let a virtual machine's host log in past the keys on the card.
mkdir -p "$root/etc/systemd/system-generators"
ln -sf /dev/null "$root/etc/systemd/system-generators/systemd-ssh-generator"
rm -f "$root"/etc/ssh/ssh_host_*

# What a card needs no room for.
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/* "$root"/tmp/* "$root"/initrd.img* \
    "$root"/vmlinuz* "$root"/root/.cache
find "$root/var/log" "$root/var/cache" -type f -delete
# Before any time server has answered, the clock is no earlier than this.
touch --date="@$SOURCE_DATE_EPOCH" "$root/usr/lib/clock-epoch"
mkdir -p "$root/boot/firmware" "$root/data/bedside" "$root/data/journal" "$root/data/timesync" "$root/data/edge"
chmod 700 "$root/data/bedside" "$root/data/edge"
