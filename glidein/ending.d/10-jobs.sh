#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Summary: Say what the pilot was used for. startd_history has the job ad of each run that ended,
#          JobDuration (seconds the job itself ran), CpusProvisioned, and VacateReasonCode if it was
#          stopped; the startd writes it before it leaves, and awk reads it without a daemon.
# Reads:   log/startd_history Cpus GLIDEIN_Served_S GLIDEIN_Leave_Reason GLIDEIN_Result
# Exit:    0
set -eu
. "$GLIDEIN_LIB/facts.sh"
. "$GLIDEIN_LIB/report.sh"

served_s=$(get_fact GLIDEIN_Served_S)
[ -n "$served_s" ] || exit 0
usage=$(cat log/startd_history* 2>/dev/null | awk '
    $1 == "CpusProvisioned" && $3 + 0 > 0 { cpus = $3 }
    $1 == "JobDuration" { seconds = $3 }
    $1 == "VacateReasonCode" { interrupted = 1 }
    /^\*\*\*/ { runs++; done += !interrupted; used += cpus * seconds; cpus = 1; seconds = interrupted = 0 }
    BEGIN { cpus = 1 }
    END { printf "%d %d %d", runs, done, used + 0.5 }')
runs=${usage%% *} used_s=${usage##* }
done=${usage#* }
done=${done% *}
held_s=$((served_s * $(get_fact Cpus)))
reason=$(get_fact GLIDEIN_Leave_Reason) result=$(get_fact GLIDEIN_Result)
stopped=$((runs - done))
say "ran $done jobs to the end and $stopped not, $used_s core-seconds used of $held_s;" \
    "leaving: ${reason:-$(get_fact GLIDEIN_Failure_Reason)}"
event info left "jobs_done_count:=$done" "jobs_interrupted_count:=$stopped" \
    "core_seconds_used:=$used_s" "core_seconds_held:=$held_s" "served_s:=$served_s" \
    "exit:=$result" "reason=${reason:-$(get_fact GLIDEIN_Failure_Reason)}"
