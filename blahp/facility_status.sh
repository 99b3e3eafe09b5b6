#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Summary: Tell how a job at a facility is.
# Usage:   <type>_status.sh [-w] <type>/<day>/<handle>   (a link to this file: its name says which facility)
# Reads:   GLIDEIN_GATEWAY, the program if it is elsewhere
# Writes:  0[…] with a ClassAd, in one line; errors to stderr
# Exit:    0; 1 with the reason on stderr
set -eu

type=${0##*/}
type=${type%_status.sh}
if [ ! -x "${GLIDEIN_GATEWAY:-}" ]; then
    here=$(dirname "$(readlink -f "$0")")
    # shellcheck source-path=SCRIPTDIR source=find_gateway.sh
    . "$here/find_gateway.sh"
fi
exec "$GLIDEIN_GATEWAY" status "$type" "$@"
