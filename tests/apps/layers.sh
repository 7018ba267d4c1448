# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Sourced by app_test.sh: our layer among those of other people, in an order that is asked for.
#
# Loaders put implicit layers above explicit ones, each kind in the order in which manifests are found
# (newer loaders: explicit ones in the order of VK_INSTANCE_LAYERS). Where an explicit layer is to be
# above ours, ours is made explicit too.

OURS=VK_LAYER_VDMABUF_wsi
# What the loader and the layers find in the program's environment.
LAYER_ENV=()

# layer_name NAME: what the layer is called in full.
layer_name() {
  case $1 in
    validation) echo VK_LAYER_KHRONOS_validation ;;
    overlay) echo VK_LAYER_MESA_overlay ;;
    gfxreconstruct) echo VK_LAYER_LUNARG_gfxreconstruct ;;
    device-select) echo VK_LAYER_MESA_device_select ;;
    mangohud) echo VK_LAYER_MANGOHUD_overlay ;;
    vkbasalt) echo VK_LAYER_VKBASALT_post_processing ;;
    renderdoc) echo VK_LAYER_RENDERDOC_Capture ;;
    *) usage_error "no layer is called '$1'" ;;
  esac
}

# layer_switch NAME: what turns it on where it is implicit.
layer_switch() {
  case $1 in
    mangohud) LAYER_ENV+=(MANGOHUD=1 MANGOHUD_CONFIG=fps) ;;
    vkbasalt) LAYER_ENV+=(ENABLE_VKBASALT=1) ;;
    renderdoc) LAYER_ENV+=(ENABLE_VULKAN_RENDERDOC_CAPTURE=1) ;;
    device-select) ;;
    *) return 1 ;;
  esac
}

# stack_layers: fills LAYER_ENV for ABOVE and BELOW.
stack_layers() {
  local name explicit_above='' explicit_below='' implicit_above=''
  for name in ${ABOVE//:/ }; do
    if layer_switch "$name"; then implicit_above=1; else explicit_above+=$(layer_name "$name"):; fi
  done
  for name in ${BELOW//:/ }; do
    layer_switch "$name" || explicit_below+=:$(layer_name "$name")
  done
  local system=/usr/local/share:/usr/share
  if [[ -n $explicit_above ]]; then
    LAYER_ENV+=(VK_LAYER_PATH="/usr/share/vulkan/explicit_layer.d:$LAYER/json/vulkan/explicit_layer.d"
      VK_INSTANCE_LAYERS="$explicit_above$OURS$explicit_below" XDG_DATA_DIRS="$system")
  else
    LAYER_ENV+=(ENABLE_VDMABUF=1 VK_INSTANCE_LAYERS="${explicit_below#:}")
    if [[ -n $implicit_above ]]; then
      LAYER_ENV+=(XDG_DATA_DIRS="$system:$LAYER/json")
    else
      LAYER_ENV+=(XDG_DATA_DIRS="$LAYER/json:$system")
    fi
  fi
  [[ -z $ABOVE$BELOW ]] || LAYER_ENV+=(VK_LOADER_DEBUG=layer)
}

# check_order LOG: the loader has ours between those above and those below.
check_order() {
  [[ -n $ABOVE$BELOW ]] || return 0
  local name place=above found='' wanted=()
  for name in ${ABOVE//:/ }; do wanted+=("above $(layer_name "$name")"); done
  for name in ${BELOW//:/ }; do wanted+=("below $(layer_name "$name")"); done
  while read -r name; do
    if [[ $name == "$OURS" ]]; then place=below; else found+="$place $name"$'\n'; fi
  done < <(awk '
    /vkCreateInstance layer callstack/ { ++inside }
    inside == 1 && $2 ~ /^VK_LAYER_/ { print $2 }
    inside == 1 && $2 ~ /^<Driver/ { exit }' "$1")
  [[ $place == below ]] || fail "our layer is not there"
  for name in "${wanted[@]}"; do
    [[ $found == *"$name"$'\n'* ]] || fail "not so: $name; but $found"
  done
}
