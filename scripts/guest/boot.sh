#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Boots a guest, runs one command in it, switches it off. The guest sees the
# host's files at the same paths, read-only below a writable overlay in its RAM;
# /tmp, /run and /dev/shm are its own. Everything it needs is fetched or built.
#
# Usage: scripts/guest/boot.sh [OPTION...] --share DIR -- COMMAND [ARG...]
#        scripts/guest/boot.sh [OPTION...] --prepare
#   --vmm qemu|uml         default qemu
#   --kernel 6.1|6.12|7    default 6.12 (User Mode Linux is always 6.12)
#   --accel auto|kvm|tcg   default auto: KVM if a guest boots with it, else TCG
#   --mem MB               default 1024
#   --smp N                default 2 (qemu)
#   --vhost-user SOCKET    a vdmabuf device served there; may be repeated
#   --gpu                  a virtio-gpu without 3D (qemu); its driver is virtio-gpu.ko
#   --qmp SOCKET           QEMU's control socket is made there
#   --qemu WORD            for QEMU as it is; may be repeated
#   --share DIR            a folder that the guest may write, at the same path
#   --timeout S            ends the guest after so long; default 0: never
#   --boot-limit S         how long it may take to run the command; default 180
#   --env NAME=VALUE       for the command; may be repeated
#   --module FILE          the driver to load; default: build it from kernel/
#   --no-module            load no driver
#   --sanitized            User Mode Linux with KASAN and lock checking
#   --prepare              only fetch and build what such a guest needs
#   --follow               shows the command's output while it runs
#
# DIR gets guest-output.log (the command's output), console.log (the guest's
# console and the VMM's messages), guest-dmesg.log, guest-rc (the command's exit
# status) and boot.json (what was booted). Exit status: the command's; 124 when
# the time was up; 125 when the guest did not come up or died; 2 for a wrong
# option.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

BOOT_LIMIT_S=180 # a guest that has not run the command by then never will, on most machines
VMM_KIND=qemu KERNEL=6.12 ACCEL=auto MEM=1024 SMP='' GPU='' QMP='' SHARE='' TIMEOUT=0
MODULE=build SANITIZED='' FOLLOW='' PREPARE='' WORK=''
VHOST_USER=() ENVIRONMENT=() QEMU_WORDS=() VMM=()
VMM_PID='' WATCH_PID='' FOLLOW_PID=''

parse_options() {
  while (($#)); do
    case $1 in
      -h | --help) show_help "$0"; exit ;;
      --no-module) MODULE='' ;;
      --gpu) GPU=1 ;;
      --sanitized) SANITIZED=1 ;;
      --follow) FOLLOW=1 ;;
      --prepare) PREPARE=1 ;;
      --) shift; break ;;
      --vmm | --kernel | --accel | --mem | --smp | --vhost-user | --qmp | --qemu | --share | --timeout | --boot-limit | --env | --module)
        (($# >= 2)) || usage_error "$1 needs a value"
        case $1 in
          --vmm) VMM_KIND=$2 ;;
          --kernel) KERNEL=$2 ;;
          --accel) ACCEL=$2 ;;
          --mem) MEM=$2 ;;
          --smp) SMP=$2 ;;
          --vhost-user) VHOST_USER+=("$2") ;;
          --qmp) QMP=$2 ;;
          --qemu) QEMU_WORDS+=("$2") ;;
          --share) SHARE=$2 ;;
          --timeout) TIMEOUT=$2 ;;
          --boot-limit) BOOT_LIMIT_S=$2 ;;
          --env) ENVIRONMENT+=("$2") ;;
          --module) MODULE=$2 ;;
        esac
        shift
        ;;
      *) usage_error "unknown option '$1'" ;;
    esac
    shift
  done
  COMMAND=("$@")
}

check_options() {
  [[ $VMM_KIND =~ ^(qemu|uml)$ ]] || usage_error "--vmm must be qemu or uml"
  [[ $KERNEL =~ ^(6\.1|6\.12|7)$ ]] || usage_error "--kernel must be 6.1, 6.12 or 7"
  [[ $ACCEL =~ ^(auto|kvm|tcg)$ ]] || usage_error "--accel must be auto, kvm or tcg"
  [[ $MEM =~ ^[1-9][0-9]*$ ]] || usage_error "--mem must be a number of megabytes"
  [[ -n $SMP ]] || { SMP=1; [[ $VMM_KIND == uml ]] || SMP=2; }
  [[ $SMP =~ ^[1-9][0-9]*$ ]] || usage_error "--smp must be a number of processors"
  [[ $TIMEOUT =~ ^[0-9]+$ ]] || usage_error "--timeout must be a number of seconds"
  [[ $BOOT_LIMIT_S =~ ^[1-9][0-9]*$ ]] || usage_error "--boot-limit must be a number of seconds"
  [[ -z $SANITIZED || $VMM_KIND == uml ]] || usage_error "--sanitized is for --vmm uml"
  need_commands busybox setpriv timeout
  [[ -z $PREPARE ]] || return 0
  ((${#COMMAND[@]})) || usage_error "a command to run in the guest is needed, after --"
  [[ -n $SHARE ]] || usage_error "--share DIR is needed"
  mkdir -p "$SHARE" || die "cannot make the folder $SHARE"
  SHARE=$(cd "$SHARE" && pwd -P)
  local i
  for i in "${!VHOST_USER[@]}"; do
    VHOST_USER[i]=$(realpath -- "${VHOST_USER[i]}")
    [[ -S ${VHOST_USER[i]} ]] ||
      die "nobody serves ${VHOST_USER[i]}; start: vdmabufd --vm NAME=${VHOST_USER[i]}"
  done
  [[ -z $QMP ]] || QMP=$(realpath -- "$QMP")
  local path
  for path in "$REPO" "$SHARE" "$QMP" "${VHOST_USER[@]}"; do
    [[ $path != *[$' \t\n,:']* ]] || die "a path given to a guest must have no blank, comma or colon: $path"
  done
  for path in "$QMP" "${VHOST_USER[@]}"; do
    ((${#path} < 108)) || die "the path of a socket must be shorter than 108 characters: $path"
  done
  for path in "${ENVIRONMENT[@]}"; do
    [[ $path =~ ^[A-Za-z_][A-Za-z0-9_]*= ]] || usage_error "--env needs NAME=VALUE, not '$path'"
  done
}

# The command as a script that the guest's first process finds in the share.
write_job() {
  rm -f "$SHARE"/{guest-output.log,guest-rc,guest-rc.new,guest-started,guest-dmesg.log,console.log,boot.json}
  : >"$SHARE/guest-output.log"
  local entry
  {
    echo 'export HOME=/run/home XDG_CACHE_HOME=/run/home/.cache TERM=dumb LANG=C.UTF-8 XDG_RUNTIME_DIR=/run/user/0'
    for entry in "${ENVIRONMENT[@]}"; do printf 'export %s=%q\n' "${entry%%=*}" "${entry#*=}"; done
    printf 'cd %q\n' "$REPO"
    printf 'exec'
    printf ' %q' "${COMMAND[@]}"
    echo
  } >"$SHARE/guest-job.sh"
  cat >"$SHARE/boot.json" <<END
{"vmm": "$VMM_KIND", "accel": "$ACCEL", "qemu": "$VMM_VERSION", "guest_kernel": "$RELEASE"}
END
}

start_guest() {
  setpriv --pdeathsig TERM timeout -k 5 "$TIMEOUT" "${VMM[@]}" </dev/null >"$SHARE/console.log" 2>&1 &
  VMM_PID=$!
  (
    for ((i = 0; i < BOOT_LIMIT_S; i++)); do
      sleep 1
      [[ ! -f $SHARE/guest-started ]] && kill -0 "$VMM_PID" 2>/dev/null || exit 0
    done
    kill "$VMM_PID"
  ) &
  WATCH_PID=$!
  if [[ -n $FOLLOW ]]; then
    tail -q -n +1 -F "$SHARE/guest-output.log" 2>/dev/null &
    FOLLOW_PID=$!
  fi
}

cleanup() {
  local pid
  for pid in $VMM_PID $WATCH_PID $FOLLOW_PID; do kill "$pid" 2>/dev/null || true; done
  [[ -z $VMM_PID ]] || wait "$VMM_PID" 2>/dev/null || true
  [[ -z $WORK ]] || rm -rf "$WORK"
}

# Turns how the guest ended into this script's exit status.
report() {
  local vmm_status=$1
  if [[ -s $SHARE/guest-rc ]]; then
    exit "$(cat "$SHARE/guest-rc")"
  elif [[ ! -f $SHARE/guest-started ]]; then
    show_tail "$SHARE/console.log"
    die -s 125 "the guest did not come up; its console: $SHARE/console.log"
  elif ((vmm_status == 124 || vmm_status == 137)); then
    show_tail "$SHARE/guest-output.log"
    die -s 124 "the command was not done after $TIMEOUT s; its output: $SHARE/guest-output.log"
  fi
  show_tail "$SHARE/console.log"
  die -s 125 "the guest died while it ran the command; its console: $SHARE/console.log"
}

parse_options "$@"
check_options
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
WORK=$(mktemp -d)
# shellcheck source=scripts/guest/vmm-qemu.sh
. "$REPO/scripts/guest/vmm-$VMM_KIND.sh"
vmm_prepare
[[ $MODULE != build ]] || MODULE=$("$REPO/scripts/guest/build-module.sh" "$MODULE_KERNEL")
[[ -z $MODULE ]] || MODULE=$(realpath -e -- "$MODULE") || die "there is no driver at that path; give --module FILE or --no-module"
[[ -z $PREPARE ]] || exit 0
vmm_append "vdmabuf.repo=$REPO" "vdmabuf.share=$SHARE" "vdmabuf.modules=$MODULES" "vdmabuf.module=$MODULE"
write_job
start_guest
status=0
wait "$VMM_PID" || status=$?
VMM_PID=''
# The last of the output, for who follows it.
[[ -z $FOLLOW ]] || sleep 0.2
report "$status"
