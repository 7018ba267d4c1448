# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Sourced by scripts that unpack packages which shall be used without being installed.

# write_overlay_runner FILE: a program that runs others with the usr/ beside it laid over the system's
# /usr, in a mount namespace of their own, and with its Vulkan driver for this processor alone.
write_overlay_runner() {
  cat >"$1" <<'RUNNER'
#!/bin/sh
# Written by scripts/overlay-runner.sh: runs a command with the files beside it.
here=$(cd "$(dirname "$0")" && pwd -P)
[ $# -gt 0 ] || { echo "usage: $0 COMMAND [ARGUMENT...]" >&2; exit 2; }
icd=/usr/share/vulkan/icd.d/$(basename "$here"/usr/share/vulkan/icd.d/lvp_icd*.json)
own=-m
[ "$(id -u)" = 0 ] || own=-rm
# Loaders before 1.3.207 know the second name only.
exec unshare "$own" --propagation private sh -c '
  mount -t overlay overlay -o "lowerdir=$1/usr:/usr" /usr || exit 125
  export VK_DRIVER_FILES="$2" VK_ICD_FILENAMES="$2"
  shift 2
  exec "$@"' sh "$here" "$icd" "$@"
RUNNER
  chmod +x "$1"
}
