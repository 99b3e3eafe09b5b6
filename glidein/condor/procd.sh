#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Summary: Run condor_procd so that a signal meant for the whole pilot does not end it.
# A batch system signals every process of its job. The daemons take TERM as a wish to leave in good
# order, but condor_procd has no handler and dies; a starter that finds it gone in the middle of that
# dies as well, without a word to its shadow, and the job waits for its lease. The master ends it by
# its own protocol, so nothing needs these signals.
set -eu
trap '' TERM INT HUP
exec "${0%/*}/../../ep/sbin/condor_procd" "$@"
