#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Summary: Write condor_config: the description's attributes, then this pilot's values, then
#          condor/pilot.conf. What comes later wins, so no attribute can change the policy.
# Reads:   the description, GLIDEIN_ToDie GLIDEIN_ToRetire GLIDEIN_Node
# Writes:  condor_config, log/ execute/ lock/
# Exit:    0 go on; 10 Start or an attribute is no ClassAd expression
set -eu
. "$GLIDEIN_LIB/facts.sh"
. "$GLIDEIN_LIB/report.sh"

# shellcheck disable=SC2016 # $(DOLLAR) is for HTCondor, not for this shell
# $ would start a macro in HTCondor's configuration; $(DOLLAR) is its own word for the character
plain() { printf '%s' "$1" | sed 's/\$/$(DOLLAR)/g'; }
# shellcheck disable=SC2016
quoted() { printf '"%s"' "$(printf '%s' "$1" | sed 's/\\/\\\\/g; s/"/\\"/g; s/\$/$(DOLLAR)/g')"; }
fact() { plain "$(get_fact "$1")"; }
quoted_fact() { quoted "$(get_fact "$1")"; }

mkdir -p log lock && mkdir -m 755 execute
free_mb=$(df -Pk . | awk 'NR == 2 { print int($4 / 1024) }')
reserved_mb=$((free_mb - $(get_fact DiskMB)))
[ "$reserved_mb" -ge 0 ] || reserved_mb=0

# The startd looks at its idle limit when it sends its ad: four looks within the shorter limit.
shorter_s=$(get_fact TailTimeoutS)
[ "$shorter_s" -lt "$(get_fact IdleTimeoutS)" ] || shorter_s=$(get_fact IdleTimeoutS)
update_s=$((shorter_s / 4))
[ "$update_s" -ge 5 ] || update_s=5
[ "$update_s" -le 120 ] || update_s=120

{
    awk '/^Attr\./ {
        cut = index($0, "\t")
        name = substr($0, 6, cut - 6)
        value[name] = substr($0, cut + 1)
    }
    END {
        for (name in value) {
            gsub(/\$/, "$(DOLLAR)", value[name])
            print name " = " value[name]
            names = names " " name
        }
        print "GLIDEIN_ATTRIBUTES =" names
    }' "$GLIDEIN_FACTS"
    cat <<END
RELEASE_DIR = $(plain "$GLIDEIN_WORK")/ep
LOCAL_DIR = $(plain "$GLIDEIN_WORK")
COLLECTOR_HOST = $(fact Collector)
TRUST_DOMAIN = $(fact TrustDomain)
NETWORK_HOSTNAME = $(fact GLIDEIN_Node)
NUM_CPUS = $(fact Cpus)
MEMORY = $(fact MemoryMB)
RESERVED_DISK = $reserved_mb
STARTD_NOCLAIM_SHUTDOWN = $(fact IdleTimeoutS)
UPDATE_INTERVAL = $update_s
ClassAdLifetime = $((4 * update_s + 180))
GLIDEIN_START = $(fact Start)
GLIDEIN_Site = $(quoted_fact Site)
GLIDEIN_Entry = $(quoted_fact Entry)
GLIDEIN_Group = $(quoted_fact Group)
GLIDEIN_Schedd = $(quoted_fact Schedd)
GLIDEIN_Pilot = $(quoted "$GLIDEIN_PILOT")
GLIDEIN_NAME = glidein-$GLIDEIN_PILOT
GLIDEIN_ToDie = $(fact GLIDEIN_ToDie)
GLIDEIN_ToRetire = $(fact GLIDEIN_ToRetire)
GLIDEIN_DEBUG = $(fact DebugLevel)
END
    cat steps/condor/pilot.conf
} >condor_config

# HTCondor would only log a line and leave the slot without it
parses() {
    ! env CONDOR_CONFIG="$PWD/condor_config" ep/bin/condor_status -ads /dev/null -constraint "$1" 2>&1 |
        grep -q 'Invalid constraint' # its exit code is 0 all the same
}
parses "$(get_fact Start)" || give_up 10 "Start is no ClassAd expression: $(get_fact Start)"
awk '/^Attr\./ { print }' "$GLIDEIN_FACTS" | while IFS= read -r line; do
    parses "${line#*"$(printf '\t')"}" || give_up 10 "this is no ClassAd expression: $line"
done
