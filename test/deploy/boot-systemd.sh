#!/bin/bash
# Process 1 of the namespaces that boot-systemd.ts makes: lays a throw-away layer over this machine's own root, makes it the
# root, and becomes systemd. Nothing that happens in there reaches the machine.
# $1: an empty directory. $2: a directory whose content is copied over the root. $3: "source=target" to bind, and so on.
set -euo pipefail
base=$1 files=$2
shift 2
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$base"
root=$base/root
mkdir "$base/upper" "$base/work" "$root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$base/upper,workdir=$base/work" "$root"
# What is enabled on this machine is not wanted in there.
rm -rf "$root"/etc/systemd/system/*.wants "$root"/etc/fstab
cp -r --preserve=mode "$files/." "$root/"
for bound in "$@"; do
  target=$root${bound#*=}
  if [ -d "${bound%%=*}" ]; then mkdir -p "$target"; else mkdir -p "${target%/*}" && rm -f "$target" && touch "$target"; fi
  mount --bind "${bound%%=*}" "$target"
done
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm" "$root/old"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
touch "$root/dev/console"
cd "$root"
pivot_root . old
umount -l /old
# As every container manager does it: credentials are mounted by a child of systemd and have to show up here.
mount --make-rshared /
init=/lib/systemd/systemd
[ -x $init ] || init=/usr/lib/systemd/systemd
exec env -i container=test PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  $init --system --unit=boot.target --log-target=console --log-level=notice --show-status=0 </dev/null
