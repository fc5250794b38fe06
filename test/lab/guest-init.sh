#!/bin/busybox sh
# The guest's first process. With root=DEVICE on the kernel's line it goes over to the file system there, as a distribution's
# initramfs does; else it runs what comes as lines on the serial console, with host=shared in the host's own files.
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
while read -r module; do
  options=''
  if [ "$module" = nbd.ko ]; then options='nbds_max=2'; fi
  insmod "/modules/$module" $options || echo "guest: $module cannot be loaded"
done < /modules/order

root=$(sed -n 's/.*\broot=\([^ ]*\).*/\1/p' /proc/cmdline)
if [ -n "$root" ]; then
  mount -t ext4 "$root" /mnt || poweroff -f
  mount --move /dev /mnt/dev
  umount /sys /proc
  exec switch_root /mnt /sbin/init
fi

ip link set lo up
ip addr add 10.0.2.15/24 dev eth0
ip link set eth0 up
if ! grep -qw host=shared /proc/cmdline; then exec sh /console; fi

# The files of the machine that it runs on, under what is written here, which goes with the guest.
mkdir /below /above
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,ro,cache=loose host /below || poweroff -f
mount -t tmpfs -o mode=755,size=75% above /above
mkdir /above/new /above/work
mount -t overlay -o lowerdir=/below,upperdir=/above/new,workdir=/above/work overlay /mnt || poweroff -f
mount -t tmpfs -o mode=755 run /mnt/run
mkdir -p /mnt/run/lock /mnt/proc /mnt/sys /mnt/dev
for at in proc sys dev; do mount --move /$at /mnt/$at; done
cp /console /mnt/run/console
exec switch_root /mnt /bin/sh /run/console
