#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Summary: Remove what pilots of this user, killed on this node, could not remove themselves.
#          A directory goes only if it is ours by name and owner, was made under this boot of the
#          kernel and in this process space (only there a process id can be judged), its pilot
#          is gone, and none of its daemons runs. What their jobs left running in it is ended.
# Reads:   GLIDEIN_WORK GLIDEIN_OWNER
# Exit:    0
set -eu
. "$GLIDEIN_LIB/facts.sh"
. "$GLIDEIN_LIB/report.sh"
. "$GLIDEIN_LIB/process.sh"

uid=$(id -u)
for dead in "${GLIDEIN_WORK%/*}"/glidein-*."$GLIDEIN_OWNER".*.*; do
    [ -d "$dead" ] && [ ! -L "$dead" ] || continue
    # shellcheck disable=SC2012 # one known name; its owner is the third word of ls -n
    [ "$(ls -ldn "$dead" 2>/dev/null | awk '{ print $3 }')" = "$uid" ] || continue
    start=${dead##*.}
    pid=${dead%.*}
    pid=${pid##*.}
    case $pid$start in '' | *[!0-9]*) continue ;; esac
    is_same_process "$pid" "$start" && continue
    if [ -n "$(processes_in "$dead/ep")" ]; then
        say "note: the pilot of $dead was killed but its HTCondor still runs; left alone"
        continue
    fi
    end_processes_in "$dead" || continue
    rm -rf "$dead" 2>/dev/null || chmod -R u+rwX "$dead" 2>/dev/null || :
    rm -rf "$dead" 2>/dev/null || :
    say "removed what a killed pilot left: $dead"
    event info swept "directory=$dead"
done
