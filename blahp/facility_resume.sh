#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Summary: Refuse to resume a job at a facility.
# Usage:   <type>_resume.sh <day>/<handle>   (a link to this file: its name says which facility)
# Reads:   GLIDEIN_GATEWAY, the program if it is elsewhere
# Writes:  nothing; errors to stderr
# Exit:    0; 1 with the reason on stderr
set -eu

type=${0##*/}
type=${type%_resume.sh}
if [ ! -x "${GLIDEIN_GATEWAY:-}" ]; then
    here=$(dirname "$(readlink -f "$0")")
    # shellcheck source-path=SCRIPTDIR source=find_gateway.sh
    . "$here/find_gateway.sh"
fi
exec "$GLIDEIN_GATEWAY" resume "$type" "$@"
