#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# one_by_one.sh PROGRAM FILTER [PREPARATION]: each test of a GoogleTest program in a process of its
# own, as ctest does it, for a guest without ctest; PREPARATION is run first. The EGL library keeps
# its host, and libglvnd its vendors, for a process's life.
set -euo pipefail
program=$1 filter=$2
[[ -z ${3:-} ]] || bash -c "$3"
failed=() count=0 suite=''
mapfile -t lines <<<"$("$program" --gtest_list_tests --gtest_filter="$filter")" # guests have no /dev/fd
for line in "${lines[@]}"; do
  if [[ $line == *. ]]; then
    suite=$line
  elif [[ $line == '  '* ]]; then
    line=${line#  }
    name=$suite${line%% *}
    count=$((count + 1))
    output=$(timeout 120 "$program" --gtest_filter="$name" </dev/null 2>&1) || true
    echo "$output"
    [[ $output == *'[  PASSED  ] 1 test.'* ]] || failed+=("$name")
  fi
done
((count)) || { echo "no test is called $filter"; exit 1; }
echo "$count tests, ${#failed[@]} failed: ${failed[*]}"
((${#failed[@]} == 0))
