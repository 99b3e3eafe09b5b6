#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Summary: Refuse a description that lacks something; say who this pilot is.
# Reads:   the description's lines in GLIDEIN_FACTS
# Writes:  GLIDEIN_Node, TailTimeoutS if it is not there
# Exit:    0 go on; 10 the description is wrong
set -eu
. "$GLIDEIN_LIB/facts.sh"
. "$GLIDEIN_LIB/report.sh"

for name in Collector TrustDomain Schedd Site Entry Group Start TokenFile; do
    [ -n "$(get_fact "$name")" ] || give_up 10 "the description has no $name"
done
for name in Cpus MemoryMB DiskMB WallTimeS IdleTimeoutS; do
    value=$(get_fact "$name")
    [ -n "$value" ] || give_up 10 "the description has no $name"
    case $value in
    0* | *[!0-9]* | ??????????*) give_up 10 "$name should be a whole number above 0, is '$value'" ;;
    esac
done
case $(get_fact TailTimeoutS) in
'') put_fact TailTimeoutS "$(get_fact IdleTimeoutS)" ;;
0* | *[!0-9]* | ??????????*) give_up 10 "TailTimeoutS should be a whole number above 0, is '$(get_fact TailTimeoutS)'" ;;
esac
case $(get_fact TokenFile) in
.* | */*) give_up 10 "TokenFile should be the name of a file without a directory" ;;
esac
case $(get_fact DebugLevel) in
*[!A-Z0-9_:\ ,]*) give_up 10 "DebugLevel should be words like D_FULLDEBUG" ;;
esac

# A line that is no name<TAB>value, and an expression that HTCondor would join with the next line
wrong=$(awk -F '\t' 'FNR == NR && $0 != "" && (NF < 2 || $1 !~ /^[A-Za-z_][A-Za-z0-9_.]*$/) {
    print "line " FNR " is no name<TAB>value"; exit }
    /\\$/ { print $1 " ends with a backslash"; exit }
    $1 ~ /^Attr\./ && $1 !~ /^Attr\.[A-Za-z_][A-Za-z0-9_]*$/ { print $1 " is no attribute name"; exit }
    ' "$GLIDEIN_FACTS")
[ -z "$wrong" ] || give_up 10 "the description is wrong: $wrong"

known=' Collector TrustDomain Schedd Site Entry Group Cpus MemoryMB DiskMB WallTimeS IdleTimeoutS TailTimeoutS Start ManifestSha256 TokenFile DebugLevel '
awk -F '\t' -v known="$known" '$1 != "" && $1 !~ /^Attr\./ && !index(known, " " $1 " ") { print $1 }' \
    "$GLIDEIN_FACTS" | while read -r name; do
    say "note: this pilot does not know '$name' of the description and ignores it"
done

node=$(uname -n)
put_fact GLIDEIN_Node "$node"
cpus=$(get_fact Cpus) memory_mb=$(get_fact MemoryMB) wall_s=$(get_fact WallTimeS)
say "I am pilot $GLIDEIN_PILOT for entry $(get_fact Entry) at site $(get_fact Site) on node $node;" \
    "$cpus cores, $memory_mb MB memory, $(get_fact DiskMB) MB disk, $wall_s s"
say "checksums right; working in $GLIDEIN_WORK"
event info started "node=$node" "site=$(get_fact Site)" "entry=$(get_fact Entry)" \
    "group=$(get_fact Group)" "schedd=$(get_fact Schedd)" "cores:=$cpus" \
    "memory_mb:=$memory_mb" "disk_mb:=$(get_fact DiskMB)" "wall_time_s:=$wall_s"
