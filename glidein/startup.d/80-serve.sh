#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Summary: Run condor_master until it leaves by itself, its time is up, or a signal comes.
# Reads:   condor_config GLIDEIN_ToDie GLIDEIN_End_S IdleTimeoutS TailTimeoutS Collector; GLIDEIN_JOIN_TIMEOUT_S (default 180)
# Writes:  GLIDEIN_Leave_Reason GLIDEIN_Served_S
# Exit:    0 left as planned; 34 started, but the collector shows no slot; 60 the master died;
#          61 no startd became ready; 70 told to leave
set -eu
. "$GLIDEIN_LIB/facts.sh"
. "$GLIDEIN_LIB/report.sh"
. "$GLIDEIN_LIB/process.sh"

collector=$(get_fact Collector) die_s=$(get_fact GLIDEIN_ToDie)
vacate_s=$(($(get_fact GLIDEIN_End_S) - die_s - 8))
join_limit_s=${GLIDEIN_JOIN_TIMEOUT_S:-180} joined='' told='' master=''
stay_s=$(get_fact IdleTimeoutS) tail_s=$(get_fact TailTimeoutS)
# once is enough: signals that come while a trap runs have upset both dash and bash
trap 'trap "" TERM INT HUP; told=TERM; [ -z "$master" ] || kill -QUIT "$master" 2>/dev/null || :' TERM INT HUP

# An environment of its own: _CONDOR_... of a surrounding HTCondor job would be configuration.
set --
for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY SSL_CERT_FILE SSL_CERT_DIR \
    CUDA_VISIBLE_DEVICES USER LOGNAME TZ; do
    value=$(env | sed -n "s/^$name=//p")
    [ -z "$value" ] || set -- "$@" "$name=$value"
done
# A shell lets what it starts beside itself ignore INT, and jobs would inherit that.
env --default-signal=INT true 2>/dev/null && set -- --default-signal=INT "$@"
env -i "$@" PATH="$PATH" HOME="${HOME:-$PWD}" TMPDIR="$PWD" CONDOR_CONFIG="$PWD/condor_config" \
    "$PWD/ep/sbin/condor_master" -f &
master=$!
began_s=$(date +%s)
[ -z "$told" ] || kill -QUIT "$master"

running() { kill -0 "$master" 2>/dev/null; }
stop_master() { # SIGNAL SECONDS: ask, wait; QUIT and KILL for one that does not listen
    kill -"$1" "$master" 2>/dev/null || :
    waited=0
    while running && [ "$waited" -lt "$2" ]; do nap 1 && waited=$((waited + 1)); done
    if running; then
        kill -QUIT "$master" 2>/dev/null || :
        nap 5
        end_processes_in "$PWD/ep" || :
    fi
}
logged() { grep -q "$1" "log/$2" 2>/dev/null; }
slot_names() {
    env CONDOR_CONFIG="$PWD/condor_config" ep/bin/condor_status -af Name \
        -constraint "PartitionableSlot && GLIDEIN_Pilot == \"$GLIDEIN_PILOT\"" 2>/dev/null
}
see_joined() { # true once the collector shows the slot, or does not let pilots look
    logged EP_READY EventLog || return 1
    if slots=$(slot_names); then
        [ -n "$slots" ] || return 1
        joined=$slots
    else
        joined="glidein-$GLIDEIN_PILOT (not looked up: the collector lets nobody read)"
    fi
    took_s=$(($(date +%s) - began_s))
    say "joined pool $collector after $took_s s as $joined"
    event info joined "collector=$collector" "slot=$joined" "took_s:=$took_s"
}
deaths() { cat log/MasterLog 2>/dev/null | grep -c 'The STARTD (pid [0-9]*) [ed][xi]'; } # exited, died
startd_left() { tail -n 5 log/EventLog 2>/dev/null | grep -q EP_SHUTDOWN; }
# A glidein that has run jobs is there for no new ones: from its first job on TailTimeout holds.
# Told by HUP: nobody may command these daemons, not even we.
shorten_stay() {
    for starter_log in log/StarterLog.slot*; do [ -e "$starter_log" ] || return 0; done
    printf 'STARTD_NOCLAIM_SHUTDOWN = %s\n' "$tail_s" >>condor_config
    stay_s=$tail_s
    kill -HUP "$master" 2>/dev/null || :
}
not_joined() {
    stop_master QUIT 5
    logged EP_READY EventLog ||
        give_up 61 "the startd did not become ready in $(($(date +%s) - began_s)) s: see the end of StartLog below"
    give_up 34 "the startd runs but the collector shows no slot after $join_limit_s s: see StartLog below"
}
leave_because() {
    [ -n "$(get_fact GLIDEIN_Leave_Reason)" ] || put_fact GLIDEIN_Leave_Reason "$1"
}

while running && [ -z "$told" ]; do
    if ! kill -0 "$GLIDEIN_PID" 2>/dev/null; then # nobody else is left to clean up
        stop_master QUIT 8
        end_processes_in "$PWD/execute" || :
        cd / && exec rm -rf "$GLIDEIN_WORK"
    fi
    if [ -z "$joined" ]; then
        if ! see_joined; then
            if [ "$(deaths)" -ge 3 ] || [ $(($(date +%s) - began_s)) -ge "$join_limit_s" ]; then not_joined; fi
        fi
        nap 0.2
    else
        nap 2
        [ "$tail_s" -ge "$stay_s" ] || shorten_stay
        if startd_left; then # condor_off ends the startd alone: the master would stay for nothing
            stop_master TERM 8
        fi
    fi
    if [ "$(date +%s)" -ge "$die_s" ]; then
        leave_because "the wall time is nearly over"
        stop_master TERM "$vacate_s"
    fi
done
[ -z "$told" ] || stop_master QUIT 8
code=0
wait "$master" || code=$?
put_fact GLIDEIN_Served_S $(($(date +%s) - began_s))

[ -z "$told" ] || exit 70
if logged 'No resources have been claimed for' StartLog; then
    leave_because "no work for $stay_s s"
fi
leave_because "the pool asked for it (condor_off, condor_drain)"
case $code in
0 | 99) [ -n "$joined" ] || give_up 61 "condor_master ended with $code before the slot joined: see MasterLog below" ;;
*) [ "$(date +%s)" -ge "$die_s" ] || give_up 60 "condor_master died ($code): see MasterLog below" ;;
esac
