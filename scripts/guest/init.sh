#!/bin/busybox sh
# SPDX-License-Identifier: MIT
# First process in the host's file tree, seen read-only from a guest: lays a
# writable overlay on it, mounts what programs expect, loads the driver, runs
# the job that boot.sh left in the shared folder, and switches the guest off.
# Kernel parameters: vdmabuf.repo=, .share=, .sharefs=9p|hostfs, .modules=
# (folder of this kernel's modules), .module= (the driver, if wanted).

exec </dev/console >/dev/console 2>&1
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
NEW=/run/root

mount() { /bin/busybox mount "$@"; }
mkdir() { /bin/busybox mkdir "$@"; }
power_off() {
  /bin/busybox sync
  /bin/busybox poweroff -f
  while :; do /bin/busybox sleep 1; done
}
fail() {
  echo "guest: $*"
  power_off
}
in_new() { /bin/busybox chroot "$NEW" "$@"; }

read_parameters() {
  local word
  for word in $(/bin/busybox cat /proc/cmdline); do
    case $word in
      vdmabuf.repo=*) REPO=${word#*=} ;;
      vdmabuf.share=*) SHARE=${word#*=} ;;
      vdmabuf.sharefs=*) SHAREFS=${word#*=} ;;
      vdmabuf.modules=*) MODULES=${word#*=} ;;
      vdmabuf.module=*) MODULE=${word#*=} ;;
    esac
  done
}

# overlay LOWER TARGET NAME: LOWER, writable, at TARGET; changes stay in RAM.
overlay() {
  mkdir -p "/run/$3/upper" "/run/$3/work"
  mount -t overlay -o "lowerdir=$1,upperdir=/run/$3/upper,workdir=/run/$3/work" overlay "$2"
}

mount_tree() {
  mount -t tmpfs -o mode=755 tmpfs /run
  mkdir -p "$NEW"
  overlay / "$NEW" whole || fail "cannot make the overlay"
  mount -t proc proc "$NEW/proc"
  mount -t sysfs sys "$NEW/sys"
  mount -t devtmpfs dev "$NEW/dev"
  mkdir -p "$NEW/dev/shm" "$NEW/dev/pts"
  mount -t tmpfs -o mode=1777 tmpfs "$NEW/dev/shm"
  mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts "$NEW/dev/pts"
  mount -t tmpfs -o mode=1777 tmpfs "$NEW/tmp"
  mount -t tmpfs -o mode=755 tmpfs "$NEW/run"
  mount -t debugfs debugfs "$NEW/sys/kernel/debug" 2>/dev/null
  mkdir -p "$NEW/run/home" "$NEW/run/user/0" "$NEW/run/lock" "$NEW/tmp/.X11-unix"
  /bin/busybox chmod 700 "$NEW/run/user/0"
  /bin/busybox chmod 1777 "$NEW/tmp/.X11-unix"
  # The repository may lie under a folder that is the guest's own.
  if ! [ -e "$NEW$REPO/scripts/guest/init.sh" ]; then
    mkdir -p "$NEW$REPO"
    overlay "$REPO" "$NEW$REPO" repo || fail "cannot show $REPO"
  fi
  mkdir -p "$NEW$SHARE"
  case $SHAREFS in
    9p) mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=none share "$NEW$SHARE" ;;
    hostfs) mount -t hostfs -o "$SHARE" none "$NEW$SHARE" ;;
  esac || fail "cannot mount the shared folder $SHARE"
}

load_driver() {
  local dependency
  [ -z "$MODULES" ] || in_new mkdir -p /lib/modules
  [ -z "$MODULES" ] || in_new ln -sfn "$MODULES" "/lib/modules/$(/bin/busybox uname -r)"
  [ -n "$MODULE" ] || return 0
  # The file may lie under a folder that is the guest's own: read it from outside.
  for dependency in $(/sbin/modinfo -F depends "$MODULE" | /bin/busybox tr , ' '); do
    in_new modprobe "$dependency" || fail "cannot load $dependency, which the driver needs"
  done
  /bin/busybox insmod "$MODULE" || fail "cannot load the driver $MODULE"
}

run_job() {
  local syncer="" status
  # What the guest writes to hostfs stays in its cache for long otherwise.
  if [ "$SHAREFS" = hostfs ]; then
    while /bin/busybox sleep 1; do /bin/busybox sync; done &
    syncer=$!
  fi
  : >"$NEW$SHARE/guest-started"
  in_new /bin/bash "$SHARE/guest-job.sh" </dev/null >>"$NEW$SHARE/guest-output.log" 2>&1
  status=$?
  [ -z "$syncer" ] || kill "$syncer"
  /bin/busybox dmesg >"$NEW$SHARE/guest-dmesg.log"
  echo "$status" >"$NEW$SHARE/guest-rc.new"
  /bin/busybox mv "$NEW$SHARE/guest-rc.new" "$NEW$SHARE/guest-rc"
}

mount -t proc proc /proc
read_parameters
mount_tree
/bin/busybox ip link set lo up
/bin/busybox hostname guest
load_driver
run_job
power_off
