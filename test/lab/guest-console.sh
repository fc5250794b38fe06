#!/bin/sh
# Runs what comes as lines on the serial console, and says how each ended.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
ln -sfn /proc/self/fd /dev/fd
cd /
exec < /dev/ttyS0 > /dev/ttyS0 2>&1
stty -echo
echo 'guest: ready'
while read -r line; do
  eval "$line"
  echo "guest: ended with $?"
done
