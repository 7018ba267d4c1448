#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# doctor_job.sh TOOLS OUT: in the guest of doctor_test.sh, `vdmabufctl doctor` before and after
# something is broken there, one thing after the other.
set -euo pipefail
TOOLS=$1 OUT=$2
MODULE=$(sed -E 's/.*vdmabuf\.module=([^ ]*).*/\1/' /proc/cmdline)
DEVICE=/dev/vdmabuf0
VERSION=$("$TOOLS/vdmabufctl" --version)
VERSION=${VERSION#* }
RELEASE=$(uname -r | sed 's/+/[+]/g') # for a regular expression

# expect NAME STATUS JQ-CONDITION...: what the doctor says now.
expect() {
  local name=$1 wanted=$2 status=0 condition
  shift 2
  "${AS[@]}" "$TOOLS/vdmabufctl" doctor --json >"$OUT/$name.json" || status=$?
  for condition; do
    jq -e "$condition" "$OUT/$name.json" >/dev/null ||
      { cat "$OUT/$name.json"; echo "$name: not true: $condition"; exit 1; }
  done
  [[ $status == "$wanted" ]] || { cat "$OUT/$name.json"; echo "$name: status $status"; exit 1; }
  echo "$name: as it is"
}
# says SUBJECT VERDICT WORD: a finding of it with that word in its text or advice.
says() { echo "[.findings[] | select(.subject == \"$1\" and .verdict == \"$2\") | .text + .advice | test(\"$3\")] | any"; }

AS=()
expect works 0 '.side == "guest"' "$(says module ok "is loaded \\\\($VERSION\\\\) in Linux $RELEASE")" \
  "$(says device ok "has a vdmabuf device, virtio")" "$(says device ok "$DEVICE: version 1 agreed with the host")" \
  "$(says strategy ok "llvmpipe.*(host-pointer|dmabuf-import) for .*XR24")" \
  "$(says loader ok "Vulkan's loader: 1\\\\.")" '[.findings[] | select(.verdict == "problem")] | length == 0'

chmod 600 "$DEVICE"
AS=(setpriv --reuid 65534 --regid 65534 --clear-groups)
expect not-for-this-user 1 "$(says device problem "is not for this user \\\\(root:.*60-vdmabuf.rules")"
AS=()
chmod 660 "$DEVICE"
getent group render >/dev/null || echo 'render:x:65000:' >>/etc/group
chgrp render "$DEVICE"
AS=(setpriv --reuid 65534 --regid 65534 --clear-groups)
expect not-in-the-group 1 "$(says device problem "usermod -aG render")"
AS=()

rmmod virtio_vdmabuf
expect not-loaded 1 '.side == "guest"' "$(says module problem "not installed for Linux $RELEASE.*dkms install")" \
  "$(says device problem "no $DEVICE|no /dev/vdmabufN.*load the module")" \
  "$(says strategy note "is the module virtio_vdmabuf loaded")"
insmod "$MODULE"
for ((i = 0; i < 100; i++)); do [[ ! -e $DEVICE ]] || break; sleep 0.1; done
expect loaded-again 0 "$(says module ok "is loaded")" "$(says device ok "agreed with the host")"

# The host's daemon is stopped while this file is there.
touch "$OUT/stop"
for ((i = 0; i < 300; i++)); do [[ ! -e $OUT/stopped ]] || break; sleep 0.1; done
expect host-away 1 "$(says device problem "$DEVICE cannot be opened.*the host does not answer")"
