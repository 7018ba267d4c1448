# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Sourced by boot.sh: the User Mode Linux command line for its options.

# vmm_prepare: fetches what is missing, sets VMM (the command), RELEASE and MODULES.
vmm_prepare() {
  local uml free_kb socket
  [[ $ACCEL == auto ]] || usage_error "--accel is for QEMU"
  [[ -z $GPU ]] || usage_error "--gpu is for QEMU"
  [[ -z $QMP ]] || usage_error "--qmp is for QEMU"
  ((${#QEMU_WORDS[@]} == 0)) || usage_error "--qemu is for QEMU"
  [[ $SMP == 1 ]] || say "User Mode Linux has one processor; --smp $SMP is ignored"
  local -a variant=()
  MODULE_KERNEL=uml
  [[ -z $SANITIZED ]] || variant=(--sanitized) MODULE_KERNEL=uml-sanitized
  uml=$("$REPO/scripts/guest/fetch-uml.sh" "${variant[@]}")
  ACCEL=none VMM_VERSION=
  RELEASE=$(cat "$uml/release")
  MODULES=
  # The guest's RAM is a file there, without a name.
  free_kb=$(df --output=avail -k /dev/shm | tail -n 1)
  ((free_kb / 1024 >= MEM)) ||
    die "/dev/shm has $((free_kb / 1024)) MB free, the guest needs $MEM; use --mem, or: mount -o remount,size=$((MEM * 2))m /dev/shm"
  # One processor for it alone: wake-ups across processors cost it dear.
  VMM=(
    "$REPO/scripts/guest/uml-session.sh" env -u TMPDIR taskset -c "$(last_cpu)" "$uml/linux"
    "mem=${MEM}M" "uml_dir=$WORK" umid=guest
    rootfstype=hostfs rootflags=/ root=/dev/root ro "init=$REPO/scripts/guest/init.sh"
    con=null con0=fd:0,fd:1 quiet panic=-1
  )
  for socket in "${VHOST_USER[@]}"; do VMM+=("virtio_uml.device=$socket:37"); done
}

last_cpu() { taskset -cp $$ | sed -E 's/.*[ ,-]//'; }

# vmm_append WORD...: the kernel's parameters.
vmm_append() { VMM+=(vdmabuf.sharefs=hostfs "$@"); }
