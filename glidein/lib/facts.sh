# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Summary: What steps tell each other: lines name<TAB>value in the file GLIDEIN_FACTS; the last
#          line of a name counts. Read with awk, never sourced, never evaluated.
put_fact() { printf '%s\t%s\n' "$1" "$2" >>"$GLIDEIN_FACTS"; }
get_fact() {
    awk -v name="$1" 'index($0, name "\t") == 1 { value = substr($0, length(name) + 2) }
        END { print value }' "$GLIDEIN_FACTS"
}
