# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Summary: Run the steps of startup.d/ in order until one ends with other than 0 or somebody tells
#          the pilot to leave; then those of ending.d/, always; then remove everything.
#          Part of glidein.sh (the only file that is sourced with state).
# Reads:   GLIDEIN_WORK GLIDEIN_LIB GLIDEIN_FACTS GLIDEIN_CWD
# Exit:    of the step that failed; 70 TERM, 71 INT, 72 HUP; else 0
. "$GLIDEIN_LIB/facts.sh"
. "$GLIDEIN_LIB/report.sh"
. "$GLIDEIN_LIB/process.sh"

export GLIDEIN_STEP=walk
child='' told=0 result=0 ending=''

# shellcheck disable=SC2329 # called by traps
told_to_leave() { # SIGNAL EXIT
    [ "$told" -eq 0 ] || return 0
    told=$2
    say "told to leave (signal $1)"
    put_fact GLIDEIN_Leave_Reason "told to leave (signal $1)"
    [ -z "$child" ] || kill -TERM "$child" 2>/dev/null || :
}
# A second TERM (the batch system signals everybody, and BLAHP's script passes it on to us) often comes
# while the first is being dealt with. dash then takes the interrupted command's 143 for the trap's own,
# and without "|| :" set -e would end this shell there, and the EXIT trap kill starters in mid-sentence.
trap 'told_to_leave TERM 70 || :' TERM
trap 'told_to_leave INT 71 || :' INT
trap 'told_to_leave HUP 72 || :' HUP
trap 'end_processes_in "$GLIDEIN_WORK" || say "some processes would not end"; remove_work' EXIT

# A step runs beside us, so that a signal reaches us while it works. Its directory is ours, so
# that end_processes_in finds what it leaves.
run_step() {
    GLIDEIN_STEP=${1##*/}
    GLIDEIN_STEP=${GLIDEIN_STEP%.sh}
    (cd "$GLIDEIN_WORK" && exec sh "$1") &
    child=$!
    # a signal may have come before $child was known
    [ "$told" -eq 0 ] || [ -n "$ending" ] || kill -TERM "$child" 2>/dev/null || :
    code=0
    wait "$child" || code=$?
    while kill -0 "$child" 2>/dev/null; do
        code=0
        wait "$child" || code=$?
    done
    child=''
    return "$code"
}

for step in "$GLIDEIN_WORK"/steps/startup.d/*.sh; do
    [ "$told" -eq 0 ] || break
    run_step "$step" || result=$?
    [ "$result" -eq 0 ] || break
done
[ "$told" -eq 0 ] || result=$told
put_fact GLIDEIN_Result "$result"
ending=yes
for step in "$GLIDEIN_WORK"/steps/ending.d/*.sh; do
    run_step "$step" || say "the step $GLIDEIN_STEP failed: go on"
done
exit "$result"
