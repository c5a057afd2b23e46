#!/bin/sh
# The image for a box's card, in out/image: Raspberry Pi 3B+, 4, 5 and Zero 2 W. As root, on Debian.
# Usage: make-image.sh; takes the newest out/deb/bedside-ser-edge_*_arm64.deb (make deb).
#   SOURCE_DATE_EPOCH   the time all files bear; that of the last commit without it
#   IMAGE_URL           where the file will lie, for Raspberry Pi Imager; this folder without it
set -eu
here=$(cd "$(dirname "$0")" && pwd)
checkout=$(cd "$here/../.." && pwd)
cache=$checkout/.cache/image
out=$checkout/out/image
python=${PYTHON:-$checkout/.venv/bin/python}

say() { echo "==> $*"; }
fail() { echo "$2" >&2; exit "$1"; }

[ "$(id -u)" = 0 ] || fail 77 "The image's files belong to root; run this as root: sudo make image"
deb=$(ls -t "$checkout"/out/deb/bedside-ser-edge_*+deb13_arm64.deb 2>/dev/null | head -n 1)
[ -n "$deb" ] || fail 66 "There is no out/deb/bedside-ser-edge_*+deb13_arm64.deb; make deb builds it."
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$checkout" log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
export E2FSPROGS_FAKE_TIME="$SOURCE_DATE_EPOCH" E2FSCK_TIME="$SOURCE_DATE_EPOCH"
version=$(basename "$deb" | cut -d_ -f2 | cut -d+ -f1)
name=bedside-ser-$version

mkdir -p "$cache" "$out"
work=$(mktemp -d -p "$cache" work.XXXXXX)
trap 'umount -q "$work/root/proc" 2>/dev/null || true; rm -rf "$work"' EXIT

say "1/6  Debian's root filesystem (kept; the first time takes long)"
tar=$("$here/root-filesystem.sh" "$cache")
mkdir "$work/root"
tar -xf "$tar" -C "$work/root"

say "2/6  bedside-ser: $(basename "$deb")"
mount -t proc proc "$work/root/proc"
"$here/install.sh" "$work/root" "$deb"
umount "$work/root/proc"
chroot "$work/root" dpkg-query -W -f '${Package}\t${Version}\t${Architecture}\n' >"$out/$name.packages.txt"

say "3/6  what the firmware starts"
"$here/boot-files.sh" "$work/root"
cp "$here/boot/bedside.toml" "$work/root/boot/firmware/bedside.toml.example"
find "$work/root" -newermt "@$SOURCE_DATE_EPOCH" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +

say "4/6  partitions"
kib=$(du -s --apparent-size -k --exclude=boot/firmware "$work/root" | cut -f1)
size=$((kib * 115 / 100 / 1024 + 64))M # room for the file system's own tables
sed -e "s/@ROOT_SIZE@/$size/" -e "s/@NAME@/$name/" -e "s|@HERE@|$here|" "$here/genimage.cfg" >"$work/genimage.cfg"
genimage --loglevel 0 --config "$work/genimage.cfg" --rootpath "$work/root" --tmppath "$work/tmp" \
    --inputpath "$work" --outputpath "$work/images"

say "5/6  packing"
image=$work/images/$name.img
bmaptool --quiet create --output "$out/$name.bmap" "$image"
xz -1 --threads=2 --stdout "$image" >"$out/$name.img.xz.new"
mv "$out/$name.img.xz.new" "$out/$name.img.xz"
(cd "$out" && sha256sum "$name.img.xz" >"$name.img.xz.sha256")

say "6/6  lists for people and programs"
cd "$checkout"
"$python" -m deploy.image.lists --name "$name" --image "$image" --out "$out" \
    --lock "$checkout/deploy/packages/edge/lock-trixie.txt" --url "${IMAGE_URL:-file://$out/$name.img.xz}"
[ -z "${KEEP_IMAGE:-}" ] || mv "$image" "$out/"
ls -l "$out"
