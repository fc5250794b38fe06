#!/bin/busybox sh
# The guest's first process. With root=DEVICE on the kernel's line it goes over to the file system there, as a distribution's
# initramfs does; else it runs what comes as lines on the serial console, and says how each ended.
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
exec < /dev/ttyS0 > /dev/ttyS0 2>&1
stty -echo
echo 'guest: ready'
while read -r line; do
  eval "$line"
  echo "guest: ended with $?"
done
