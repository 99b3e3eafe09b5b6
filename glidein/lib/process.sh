# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Summary: Wait so that a signal is noticed at once; find and end what still runs in a directory.

# nap SECONDS: sleep, but a trapped signal ends it (a shell waits for a foreground command first);
# where sleep knows no fractions, for 1 s
nap() {
    { sleep "$1" 2>/dev/null || sleep 1; } &
    nap_pid=$!
    wait "$nap_pid" || kill "$nap_pid" 2>/dev/null || :
}

# is_same_process PID START: true while the process that started at START (clock ticks) lives
is_same_process() {
    [ -r "/proc/$1/stat" ] || return 1
    [ "$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20)" = "$2" ]
}

# processes_in DIR: ids of processes whose program or current directory lies in DIR. The bundle's
# loader lies there, so each daemon counts, and each job, also one that left its process group.
processes_in() {
    # shellcheck disable=SC2012 # the names are numbers; find may be missing
    ls -l /proc/[0-9]*/exe /proc/[0-9]*/cwd 2>/dev/null | awk -v dir="$1/" '{
        arrow = index($0, " -> ")
        if (arrow && index(substr($0, arrow + 4) "/", dir) == 1) {
            start = index($0, "/proc/") + 6
            rest = substr($0, start)
            print substr(rest, 1, index(rest, "/") - 1)
        }
    }' | sort -un
}

# end_processes_in DIR: KILL what is left there, until nothing is (10 rounds)
end_processes_in() {
    for kill_round in 1 2 3 4 5 6 7 8 9 10; do
        kill_pids=$(processes_in "$1")
        [ -n "$kill_pids" ] || return 0
        [ "$kill_round" -eq 1 ] || sleep 1
        for kill_pid in $kill_pids; do kill -KILL "$kill_pid" 2>/dev/null || :; done
    done
    return 1
}
