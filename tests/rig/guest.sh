#!/bin/bash
# Inside the guest: the bus, the air, the real bluetoothd, and the tests. /run/rig is the folder of this run on the host.
cd /run/rig || exit 1
# shellcheck source=/dev/null
. ./settings
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root RUST_BACKTRACE=1
uptime_is() { printf 'rig: %s after %s s\n' "$1" "$(cut -d' ' -f1 /proc/uptime)"; }

uptime_is 'guest up'
mkdir -p /run/dbus
dbus-daemon --system --fork
"$RIG_PYTHON" "$RIG_ROOT/tests/rig/peripherals.py" 127.0.0.1 7700 >peripherals.log 2>&1 &
for _ in $(seq 2400); do
  [ -e /sys/class/bluetooth/hci0 ] && break
  sleep 0.1
done
uptime_is 'adapter plugged in'
/usr/libexec/bluetooth/bluetoothd -n >bluetoothd.log 2>&1 &
for _ in $(seq 300); do
  bluetoothctl power on 2>&1 | grep -q succeeded && break
  sleep 0.2
done
uptime_is 'adapter on'
"$RIG_TESTS" --ignored --test-threads=1 --nocapture
echo $? >status
uptime_is 'tests done'
