#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Summary: After a failure, show the end of HTCondor's logs: nothing of them stays on the node.
# Reads:   GLIDEIN_Result log/
# Writes:  the last 40 lines of MasterLog and StartLog to stderr
# Exit:    0
set -eu
. "$GLIDEIN_LIB/facts.sh"

case $(get_fact GLIDEIN_Result) in 0 | 7?) exit 0 ;; esac
for log in log/MasterLog log/StartLog; do
    [ -s "$log" ] || continue
    printf -- '--- the end of %s\n' "${log#log/}" >&2
    tail -n 40 "$log" >&2
done
