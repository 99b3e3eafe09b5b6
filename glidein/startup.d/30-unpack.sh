#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Summary: Unpack the bundled HTCondor and see that it runs on this node.
# Reads:   GLIDEIN_FILES GLIDEIN_WORK
# Writes:  GLIDEIN_Condor_Version; the directory ep/
# Exit:    0 go on; 12 the bundle is broken or made for another kind of machine
set -eu
. "$GLIDEIN_LIB/facts.sh"
. "$GLIDEIN_LIB/report.sh"

gzip -dc "$GLIDEIN_FILES/glidein-ep.tar.gz" | tar -xf - ||
    give_up 12 "glidein-ep.tar.gz does not unpack into $GLIDEIN_WORK (is the disk full?)"
[ -x ep/sbin/condor_master ] || give_up 12 "glidein-ep.tar.gz holds no condor_master: pack it again"
if ! version=$(ep/bin/condor_version 2>&1); then
    give_up 12 "the bundled HTCondor does not run here ($(uname -sm)): $(printf '%s' "$version" | tail -n 1)"
fi
version=$(printf '%s\n' "$version" | awk 'NR == 1 { print $2 }')
put_fact GLIDEIN_Condor_Version "$version"
say "HTCondor $version unpacked"
event info unpacked "condor_version=$version" "since_start_s:=$(($(date +%s) - GLIDEIN_STARTED_S))"
