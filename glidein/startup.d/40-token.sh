#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Summary: Put the token where only this user can read it, and see that it is valid now.
#          Jobs run as the same user and can read it: it should allow ADVERTISE_* only.
# Reads:   TokenFile in GLIDEIN_CWD
# Writes:  tokens/pool.token (0600); removes the original if it is the batch job's own copy
# Exit:    0 go on; 13 no token, or not valid
set -eu
. "$GLIDEIN_LIB/facts.sh"
. "$GLIDEIN_LIB/report.sh"

original=$GLIDEIN_CWD/$(get_fact TokenFile)
[ -s "$original" ] && [ -r "$original" ] || give_up 13 "the token ${original##*/} is not in $GLIDEIN_CWD: was it transferred?"
mkdir -m 700 tokens
cp "$original" tokens/pool.token && chmod 600 tokens/pool.token

# The batch system made this directory for this job alone if it is BLAHP's (home_bl_...) or
# HTCondor's scratch directory; anywhere else the file may be the only one.
case $GLIDEIN_CWD in
*/home_bl_* | "${_CONDOR_SCRATCH_DIR:-/none}") rm -f "$original" ;;
*) say "note: $GLIDEIN_CWD is not known as this job's own directory: the token there stays" ;;
esac

# the middle part of a token is base64url of a JSON object
payload=$(grep -v '^#' tokens/pool.token | head -n 1 | cut -d . -f 2 -s | tr '_-' '/+')
case $((${#payload} % 4)) in 2) payload=$payload== ;; 3) payload=$payload= ;; esac
number() {
    printf '%s' "$payload" | base64 -d 2>/dev/null | tr ',{}' '\n' |
        awk -F : -v name="\"$1\"" '{ gsub(/[ \t]/, "") } $1 == name { print $2 }' | tr -dc 0-9
}
now_s=$(date +%s) ends_s=$(number exp) made_s=$(number iat)
[ -n "$made_s$ends_s" ] || give_up 13 "${original##*/} is no IDTOKEN: make one with condor_token_create"
if [ -n "$made_s" ] && [ "$made_s" -gt $((now_s + 60)) ]; then
    give_up 13 "the token was made $((made_s - now_s)) s in the future: this node's clock is wrong"
fi
[ -n "$ends_s" ] || exit 0
[ "$ends_s" -gt "$now_s" ] || give_up 13 "the token ran out $((now_s - ends_s)) s ago: renew it"
[ "$ends_s" -gt $((now_s + $(get_fact WallTimeS))) ] ||
    say "note: the token runs out in $((ends_s - now_s)) s, before the pilot's time is up"
