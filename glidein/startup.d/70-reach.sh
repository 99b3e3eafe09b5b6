#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Summary: Prove to the collector who we are before anything is started: what goes wrong between a
#          node and a pool goes wrong here, and this says which of four things it is.
# Reads:   condor_config Collector
# Exit:    0 go on; 30 no way to the collector; 31 its name is unknown here; 32 the token is not
#          believed; 33 the token is believed but not allowed to join
set -eu
. "$GLIDEIN_LIB/facts.sh"
. "$GLIDEIN_LIB/report.sh"
. "$GLIDEIN_LIB/process.sh"

collector=$(get_fact Collector)
try=0
while :; do
    answer=$(env CONDOR_CONFIG="$PWD/condor_config" ep/bin/condor_ping -type collector \
        -verbose ADVERTISE_STARTD 2>&1) && break
    case $answer in
    *DENIED*)
        who=$(printf '%s' "$answer" | sed -n 's/.*for user \([^ ]*\) .*/\1/p')
        give_up 33 "the collector $collector does not let $who join: its ALLOW_ADVERTISE_STARTD has to name it"
        ;;
    *"locate"*) code=31 why="the name of the collector $collector is unknown on this node (DNS?)" ;;
    *"make connection"*) code=30 why="no connection to the collector $collector: is it up, does a firewall stand between?" ;;
    *) code=32 why="the collector $collector does not believe the token: $(printf '%s' "$answer" | tr '\n' ' ')" ;;
    esac
    try=$((try + 1))
    # a central manager that restarts is back within a minute
    [ "$try" -lt 12 ] || give_up "$code" "$why"
    [ "$try" -gt 1 ] || say "waiting up to a minute: $why"
    nap 5
done
event info reached "collector=$collector" "tries:=$((try + 1))"
