# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Sourced by boot.sh: the QEMU command line for its options.

# Mesa's JIT refuses the CPU model "max" under TCG; this one is the fastest there.
TCG_CPU=Nehalem

# vmm_prepare: fetches what is missing, sets VMM (the command), RELEASE and MODULES.
vmm_prepare() {
  local qemu kernel initramfs
  qemu=$("$REPO/scripts/guest/fetch-qemu.sh")
  kernel=$("$REPO/scripts/guest/fetch-kernel.sh" "$KERNEL")
  initramfs=$("$REPO/scripts/guest/make-initramfs.sh" "$KERNEL")
  [[ $ACCEL != auto ]] || ACCEL=$("$REPO/scripts/guest/accel.sh" "$qemu" "$KERNEL")
  VMM_VERSION=$("$qemu" --version | sed -nE '1s/^QEMU emulator version ([^ ]+).*/\1/p')
  RELEASE=$(cat "$kernel/release")
  MODULES=$kernel/modules/lib/modules/$RELEASE
  MODULE_KERNEL=$KERNEL

  VMM=(
    "$qemu" -nodefaults -no-user-config -display none -no-reboot -serial stdio
    -machine q35,memory-backend=mem -m "$MEM" -smp "$SMP"
    -object "memory-backend-memfd,id=mem,size=${MEM}M,share=on"
    -fsdev local,id=root,path=/,security_model=none,readonly=on,multidevs=remap
    -device virtio-9p-pci,fsdev=root,mount_tag=root
    -fsdev "local,id=share,path=$SHARE,security_model=none,multidevs=remap"
    -device virtio-9p-pci,fsdev=share,mount_tag=share
    -kernel "$kernel/vmlinux" -initrd "$initramfs"
  )
  case $ACCEL in
    kvm) VMM+=(-accel kvm -cpu host) ;;
    tcg) VMM+=(-accel tcg,thread=multi -cpu "$TCG_CPU") ;;
  esac
  local i bus
  for i in "${!VHOST_USER[@]}"; do
    bus=''
    # Whoever controls QEMU can take it out and put it back: that takes a port of its own.
    [[ -z $QMP ]] || { bus=,bus=port$i; VMM+=(-device "pcie-root-port,id=port$i,chassis=$((i + 1))"); }
    VMM+=(
      -chardev "socket,id=vh$i,path=${VHOST_USER[i]}"
      -device "vhost-user-test-device-pci,id=vdmabuf$i,chardev=vh$i$bus,virtio-id=37,num_vqs=2,vq_size=256,config_size=64"
    )
  done
  [[ -z $GPU ]] || VMM+=(-device virtio-gpu-pci)
  [[ -z $QMP ]] || VMM+=(-qmp "unix:$QMP,server=on,wait=off")
  VMM+=("${QEMU_WORDS[@]}")
}

# vmm_append WORD...: the kernel's parameters.
vmm_append() {
  VMM+=(-append "console=ttyS0 quiet panic=-1 mitigations=off tsc=reliable no_timer_check vdmabuf.sharefs=9p $*")
}
