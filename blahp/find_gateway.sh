# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2154 # "here" is set by who sources this
# Summary: Set GLIDEIN_GATEWAY, the program, from the directory of this file in $here.
# Usage:   here=DIRECTORY; . "$here/find_gateway.sh"
# An installation has it in bin/ next to share/htcondor-glideins/blahp, a checkout in .venv/bin.

for GLIDEIN_GATEWAY in "${GLIDEIN_GATEWAY:-}" "$here/../../../bin/glidein-gateway" \
    "$here/../.venv/bin/glidein-gateway" "$(command -v glidein-gateway || :)"; do
    [ -z "$GLIDEIN_GATEWAY" ] || [ ! -x "$GLIDEIN_GATEWAY" ] || break
done
if [ -z "$GLIDEIN_GATEWAY" ]; then
    printf 'glidein-gateway is not installed; it is looked for in ../../../bin of %s and in PATH\n' "$here" >&2
    exit 127
fi
export GLIDEIN_GATEWAY
