#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Summary: Take a job at a facility back.
# Usage:   <type>_cancel.sh <day>/<handle> …   (a link to this file: its name says which facility)
# Reads:   GLIDEIN_GATEWAY, the program if it is elsewhere
# Writes:  " 0 No\ error", a line for each; errors to stderr
# Exit:    0; 1 with the reason on stderr
set -eu

type=${0##*/}
type=${type%_cancel.sh}
if [ ! -x "${GLIDEIN_GATEWAY:-}" ]; then
    here=$(dirname "$(readlink -f "$0")")
    # shellcheck source-path=SCRIPTDIR source=find_gateway.sh
    . "$here/find_gateway.sh"
fi
exec "$GLIDEIN_GATEWAY" cancel "$type" "$@"
