#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Summary: When to take no more jobs and when to be gone, as UNIX seconds.
#          The margin before the end of the wall time is a twentieth of it, at least 20 s, at
#          most 300 s; jobs start until a tenth (10 to 600 s) before that.
# Reads:   WallTimeS; SLURM_JOB_END_TIME, which is exact where there is one
# Writes:  GLIDEIN_ToDie GLIDEIN_ToRetire GLIDEIN_End_S
# Exit:    0 go on; 22 too little time is left
set -eu
. "$GLIDEIN_LIB/facts.sh"
. "$GLIDEIN_LIB/report.sh"

clamp() { # VALUE LEAST MOST
    if [ "$1" -lt "$2" ]; then echo "$2"; elif [ "$1" -gt "$3" ]; then echo "$3"; else echo "$1"; fi
}
wall_s=$(get_fact WallTimeS)
end_s=$((GLIDEIN_STARTED_S + wall_s))
case ${SLURM_JOB_END_TIME:-none} in
*[!0-9]*) ;;
*) [ "$SLURM_JOB_END_TIME" -ge "$end_s" ] || end_s=$SLURM_JOB_END_TIME ;;
esac
die_s=$((end_s - $(clamp $((wall_s / 20)) 20 300)))
retire_s=$((die_s - $(clamp $((wall_s / 10)) 10 600)))
left_s=$((retire_s - $(date +%s)))
[ "$left_s" -gt 0 ] || give_up 22 "no time for a job: ask for a longer WallTime than $wall_s s"
put_fact GLIDEIN_End_S "$end_s"
put_fact GLIDEIN_ToDie "$die_s"
put_fact GLIDEIN_ToRetire "$retire_s"
event info planned "to_die_ts_s:=$die_s" "to_retire_ts_s:=$retire_s" "left_s:=$left_s"
