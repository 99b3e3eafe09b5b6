# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Summary: How a step speaks: `say` to people (stdout), `event` to machines (stderr, one JSON
#          object a line), `give_up` to both.
# Reads:   GLIDEIN_PILOT GLIDEIN_STEP
say() { printf '%s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*"; }

# event LEVEL NAME [key=text | key:=number]...
event() {
    awk 'function quoted(text, at, out, one) {
            for (at = 1; at <= length(text); at++) {
                one = substr(text, at, 1)
                if (one == "\"" || one == "\\") one = "\\" one
                else if (one < " ") one = " "
                out = out one
            }
            return "\"" out "\""
        }
        BEGIN {
            line = "{\"ts\":" quoted(ARGV[1]) ",\"pilot\":" quoted(ARGV[2]) ",\"step\":" quoted(ARGV[3]) \
                ",\"event\":" quoted(ARGV[5]) ",\"level\":" quoted(ARGV[4])
            for (i = 6; i < ARGC; i++) {
                cut = index(ARGV[i], "=")
                name = substr(ARGV[i], 1, cut - 1)
                value = substr(ARGV[i], cut + 1)
                number = sub(/:$/, "", name) && value ~ /^-?[0-9]+$/
                line = line "," quoted(name) ":" (number ? value + 0 : quoted(value))
            }
            print line "}"
        }' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$GLIDEIN_PILOT" "${GLIDEIN_STEP:-glidein}" "$@" >&2
}

# give_up EXIT SENTENCE: the pilot ends here; the sentence says what to do
give_up() {
    put_fact GLIDEIN_Failure_Reason "$2"
    say "giving up: $2"
    event error failed "exit:=$1" "reason=$2"
    exit "$1"
}
