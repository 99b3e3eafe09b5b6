#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Summary: What every job does at a facility: claim its directory, get its files, run, say how it ended.
# Usage:   the head of each job's script; gateway/script.py adds the lines of the one job, which are
#              begin ROOT NAME STORE [BATCH_ID]; inline NAME MODE, with base64 on stdin;
#              store NAME MODE SHA256; job() { ... exec COMMAND; }; run STDIN err|out
# Writes:  ROOT/jobs/home_bl_NAME; in its .gl/: owner, batch-id, out, err, rc, error
# Exit:    the command's; 0 when another copy of this job is at work; 75 this node cannot do it;
#          76 a file is not in the store, or damaged there
set -eu
umask 077
unset CDPATH ENV BASH_ENV
control='' pid='' caught=''

say() { printf '%s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$1"; }
stop() { # EXIT SENTENCE
    say "$2"
    [ ! -d "$control" ] || printf '%s\n' "$2" >"$control/error" || :
    exit "$1"
}

begin() { # ROOT NAME STORE [BATCH_ID]: make the directory, or leave it to the copy that made it
    for tool in base64 cat chmod cp date ln mkdir mv readlink rm sha256sum; do
        command -v "$tool" >/dev/null || stop 75 "this node has no program '$tool' (coreutils are needed)"
    done
    id=${4:-none.$$.$(date +%s).$(cat /proc/sys/kernel/random/uuid 2>/dev/null || :)}
    dir=$1/jobs/home_bl_$2 store=$3
    if [ -e "$1/jobs/$2.over" ]; then
        say "job $2 is over; this copy ends"
        exit 0
    fi
    mkdir -p "$dir/.gl" || stop 75 "cannot make $dir/.gl"
    # One system call claims the directory and says for whom; a requeued job has the same number.
    ln -s "batch:$id" "$dir/.gl/owner" 2>/dev/null || :
    owner=$(readlink "$dir/.gl/owner") || stop 75 "cannot write in $dir"
    if [ "$owner" != "batch:$id" ]; then
        say "job $2 is or was run as ${owner#batch:}; this copy, $id, ends"
        exit 0
    fi
    control=$dir/.gl
    rm -f "$control/rc" "$control/error" || :
    printf '%s\n' "$id" >"$control/batch-id" || stop 75 "cannot write in $control"
}

inline() { # NAME MODE
    rm -f "$dir/$1"
    base64 -d >"$dir/$1" || stop 75 "cannot write $dir/$1"
    chmod "$2" "$dir/$1"
}

is_whole() { # FILE SHA256
    sum=$(sha256sum <"$1") && [ "${sum%% *}" = "$2" ]
}

assemble() { # SHA256: from its chunks; another job may do the same at the same time
    made=$store/.$1.$id
    cat "$store/$1".part.* >"$made" 2>/dev/null || :
    if is_whole "$made" "$1"; then
        mv -f "$made" "$store/$1" || stop 75 "cannot write in $store"
        rm -f "$store/$1".part.*
        return
    fi
    rm -f "$made"
    # The chunks go away once somebody has the whole.
    [ ! -f "$store/$1" ] || return 0
    if [ -e "$store/$1.part.000" ]; then
        rm -f "$store/$1".part.*
        stop 76 "the chunks of $1 in $store are damaged, and were removed"
    fi
    stop 76 "$1 is not in $store"
}

store() { # NAME MODE SHA256
    from=$store/$3
    if [ ! -f "$from" ]; then
        # A store of the site's own has its files under their names.
        if [ -f "$store/$1" ]; then from=$store/$1; else assemble "$3"; fi
    fi
    if ! is_whole "$from" "$3"; then
        [ "$from" != "$store/$3" ] || rm -f "$from" 2>/dev/null || :
        stop 76 "$from is not the file that was meant: its SHA-256 is another"
    fi
    rm -f "$dir/$1"
    # Programs are copied: they find what lies beside them.
    [ "$2" = 600 ] && ln -s "$from" "$dir/$1" 2>/dev/null && return
    cp "$from" "$dir/$1" || stop 75 "cannot write $dir/$1"
    chmod "$2" "$dir/$1"
}

# shellcheck disable=SC2329 # called by traps
pass() { # SIGNAL
    caught=$1
    [ -z "$pid" ] || kill -s "$1" "$pid" 2>/dev/null || :
}

run() { # STDIN err|out (where stderr goes): run job(), pass signals on to it, end as it ends
    # A shell has its background commands ignore INT; they get TERM in its place.
    for signal in TERM HUP USR1 USR2; do
        # shellcheck disable=SC2064 # the name as it is now
        trap "pass $signal" "$signal"
    done
    trap 'pass TERM' INT
    if [ "$2" = out ]; then
        job <"$1" >"$control/out" 2>&1 &
    else
        job <"$1" >"$control/out" 2>"$control/err" &
    fi
    pid=$! rc=''
    [ -z "$caught" ] || kill -s "$caught" "$pid" 2>/dev/null || :
    while :; do
        caught='' got=0
        wait "$pid" || got=$?
        # Waited for twice, a shell may have forgotten the first answer, which was the real one.
        [ -n "$rc" ] && [ "$got" -eq 127 ] || rc=$got
        [ -n "$caught" ] || break
    done
    printf '%s\n' "$rc" >"$control/rc.new" && mv -f "$control/rc.new" "$control/rc" || :
    exit "$rc"
}
