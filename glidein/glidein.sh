#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Summary: Become a pilot: check what came along, unpack its steps, run them, leave nothing behind.
# Usage:   glidein.sh PILOT DESCRIPTION
#          PILOT        its name, <schedd>-<cluster>.<proc>
#          DESCRIPTION  base64 of lines name<TAB>value (docs/pilot.md lists the names)
# Reads:   glidein-manifest.txt and the archives that it names, from the current directory or,
#          if they are not there, from the directory of this script
# Writes:  words for people to stdout, one JSON object a line to stderr
# Exit:    0 left as planned; 10-19 description or files; 20-29 this node; 30-39 network or
#          central manager; 60-69 the glidein died; 70-79 told to leave
set -eu
umask 077
export LC_ALL=C
unset CDPATH ENV BASH_ENV

if [ $# -ne 2 ]; then
    sed -n '3,/^set /s/^# \{0,1\}//p' "$0"
    [ "${1:-}" = --help ] && exit 0
    exit 10
fi
export GLIDEIN_PILOT="$1" GLIDEIN_WORK='' GLIDEIN_CWD="$PWD" GLIDEIN_PID="$$" GLIDEIN_STARTED_S
tried='' description=''

now() { date -u +%Y-%m-%dT%H:%M:%SZ; }
fail() { # EXIT SENTENCE
    printf '%s cannot start: %s\n' "$(now)" "$2"
    printf '{"ts":"%s","pilot":"%s","step":"glidein","event":"failed","level":"error","exit":%s,"reason":"%s"}\n' \
        "$(now)" "$GLIDEIN_PILOT" "$1" "$(printf '%s' "$2" | tr '"\\\001-\037' "'/ ")" >&2
    exit "$1"
}
# shellcheck disable=SC2329 # called by a trap
remove_work() {
    [ -n "$GLIDEIN_WORK" ] || return 0
    # a job may have taken the write permission from its own directories
    rm -rf "$GLIDEIN_WORK" 2>/dev/null || chmod -R u+rwX "$GLIDEIN_WORK" 2>/dev/null || :
    rm -rf "$GLIDEIN_WORK" || :
    if [ -e "$GLIDEIN_WORK" ]; then
        printf '%s could not remove all of %s\n' "$(now)" "$GLIDEIN_WORK"
    else
        printf '%s left no files behind\n' "$(now)"
    fi
}
trap remove_work EXIT
trap 'fail 70 "told to leave (TERM)"' TERM
trap 'fail 71 "told to leave (INT)"' INT
trap 'fail 72 "told to leave (HUP)"' HUP

for tool in awk base64 cat chmod cp cut date df dirname env grep gzip head id ls mkdir readlink \
    rm sed sha256sum sleep sort tail tar tr uname wc; do
    command -v "$tool" >/dev/null || fail 20 "this node has no program '$tool' (coreutils, awk, tar and gzip are needed)"
done
case $GLIDEIN_PILOT in
'' | [.-]* | *[!A-Za-z0-9._-]*)
    GLIDEIN_PILOT=unknown
    fail 10 "the pilot's name may hold A-Z a-z 0-9 . _ - only"
    ;;
esac
GLIDEIN_STARTED_S=$(date +%s)

# 1. the description, as text: nothing in it is ever evaluated
case $2 in '' | *[!A-Za-z0-9+/=]*) fail 10 "the description is not base64 in one word" ;; esac
[ $((${#2} % 4)) -eq 0 ] || fail 10 "the description is cut off (its length is no multiple of 4)"
description=$(printf '%s' "$2" | base64 -d 2>/dev/null) || fail 10 "the description is not base64"
[ "$(printf '%s' "$2" | base64 -d | tr -d '\011\012\040-\176\200-\377' | wc -c)" -eq 0 ] ||
    fail 10 "the description holds control characters"
described() {
    printf '%s\n' "$description" | awk -v name="$1" \
        'index($0, name "\t") == 1 { value = substr($0, length(name) + 2) } END { print value }'
}
disk_mb=$(described DiskMB)
[ -n "$(described ManifestSha256)" ] || fail 10 "the description has no ManifestSha256"
case $disk_mb in '' | 0* | *[!0-9]* | ??????????*) fail 10 "DiskMB of the description is no whole number: '$disk_mb'" ;; esac

# 2. what came along is what was meant
export GLIDEIN_FILES="$PWD"
[ -r glidein-manifest.txt ] || GLIDEIN_FILES=$(cd -P "$(dirname "$0")" && pwd)
manifest=$GLIDEIN_FILES/glidein-manifest.txt
[ -r "$manifest" ] || fail 11 "glidein-manifest.txt is not in $PWD: was it transferred?"
digest() { sha256sum <"$1" | cut -d ' ' -f 1; }
[ "$(digest "$manifest")" = "$(described ManifestSha256)" ] ||
    fail 11 "the manifest is not the one this pilot was sent with; packed anew since? Submit new pilots"
while read -r sum name; do
    case $name in '' | .* | *[!A-Za-z0-9._-]*) fail 11 "the manifest has a strange line for '$name'" ;; esac
    [ -r "$GLIDEIN_FILES/$name" ] || fail 11 "$name is not in $GLIDEIN_FILES: was it transferred?"
    [ "$(digest "$GLIDEIN_FILES/$name")" = "$sum" ] || fail 11 "$name is not the file that the manifest names: transfer or pack it again"
done <"$manifest"

# 3. a directory of our own; its name tells later pilots whose it is (30-sweep.sh):
#    kernel's boot, process space, process, start of that process
GLIDEIN_OWNER=$(cut -c 1-8 /proc/sys/kernel/random/boot_id).$(readlink /proc/self/ns/pid | tr -dc 0-9)
export GLIDEIN_OWNER
mine=$GLIDEIN_OWNER.$$.$(sed 's/.*) //' /proc/$$/stat | cut -d ' ' -f 20)
try_base() { # BASE: use it if it is ours to write, has the space, and may run programs
    [ -d "$1" ] && [ -w "$1" ] || return 1
    # HTCondor splits some of its commands at blanks
    case $1 in *[!A-Za-z0-9._/+@=,:-]*) tried="$tried $1 (blanks or signs in its path)" && return 1 ;; esac
    free_mb=$(df -Pk "$1" 2>/dev/null | awk 'NR == 2 { print int($4 / 1024) }')
    [ "${free_mb:-0}" -ge $((disk_mb + 150)) ] || { tried="$tried $1 (${free_mb:-0} MB free)" && return 1; }
    mkdir -m 700 "$1/glidein-$GLIDEIN_PILOT.$mine" 2>/dev/null || return 1
    GLIDEIN_WORK=$1/glidein-$GLIDEIN_PILOT.$mine
    printf '#!/bin/sh\n' >"$GLIDEIN_WORK/probe" && chmod 700 "$GLIDEIN_WORK/probe" && "$GLIDEIN_WORK/probe" 2>/dev/null && return 0
    rm -rf "$GLIDEIN_WORK"
    GLIDEIN_WORK='' tried="$tried $1 (runs no programs)"
    return 1
}
for base in "${GLIDEIN_WORK_BASE:-}" "${SLURM_TMPDIR:-}" "${TMPDIR:-}" /tmp /var/tmp "$PWD"; do
    case $base in /*) try_base "$base" && break ;; esac
done
[ -n "$GLIDEIN_WORK" ] || fail 21 "no directory with $((disk_mb + 150)) MB free that this user may write; tried:${tried:- none}"

# 4. the rest is steps
export GLIDEIN_FACTS="$GLIDEIN_WORK/facts" GLIDEIN_LIB="$GLIDEIN_WORK/steps/lib"
printf '%s\n' "$description" >"$GLIDEIN_FACTS"
gzip -dc "$GLIDEIN_FILES/glidein-steps.tar.gz" | (cd "$GLIDEIN_WORK" && tar -xf -) || :
[ -r "$GLIDEIN_LIB/walk.sh" ] || fail 12 "glidein-steps.tar.gz holds no lib/walk.sh: pack it again"
# shellcheck source-path=SCRIPTDIR source=lib/walk.sh
. "$GLIDEIN_LIB/walk.sh"
