#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Summary: Submit a job to a facility.
# Usage:   <type>_submit.sh the options of blahpd (-c Cmd -w Iwd … -- arguments)   (a link to this file: its name says which facility)
# Reads:   GLIDEIN_GATEWAY, the program if it is elsewhere
# Writes:  BLAHP_JOBID_PREFIX<type>/<day>/<handle>; errors to stderr
# Exit:    0; 1 with the reason on stderr
set -eu

type=${0##*/}
type=${type%_submit.sh}
if [ ! -x "${GLIDEIN_GATEWAY:-}" ]; then
    here=$(dirname "$(readlink -f "$0")")
    # shellcheck source-path=SCRIPTDIR source=find_gateway.sh
    . "$here/find_gateway.sh"
fi
exec "$GLIDEIN_GATEWAY" submit "$type" "$@"
