# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# Summary: What the start-up scripts share (sourced): keep a daemon running, wait for a file.
# Tests stop and kill daemons; whatever ends is started again, as systemd would, unless
# /run/testbed/NAME.stop exists.

mkdir -p /run/testbed /var/log/testbed

# keep NAME COMMAND...: run COMMAND in the foreground of a background loop; its words go to /var/log/testbed/NAME.log
keep() {
    name=$1
    shift
    (
        while :; do
            while [ -e "/run/testbed/$name.stop" ]; do sleep 0.2; done
            status=0
            "$@" >>"/var/log/testbed/$name.log" 2>&1 || status=$?
            echo "$name ended with $status, starting it again"
            sleep 0.5
        done
    ) &
}

# wait_for_file PATH WHO: `tools/testbed up` puts secrets of one host on another one
wait_for_file() {
    echo "waiting for $1 from $2"
    tenths=0
    until [ -s "$1" ]; do
        tenths=$((tenths + 1))
        [ "$tenths" -le 600 ] || { echo "no $1 after 60 s" >&2; exit 1; }
        sleep 0.1
    done
}

# account NAME UID HOME
account() {
    id "$1" >/dev/null 2>&1 || useradd --uid "$2" --home-dir "$3" --no-create-home --shell /bin/bash "$1"
}

start_munge() {
    install -d -o munge -g munge -m 0755 /run/munge
    rm -f /run/munge/*
    keep munged runuser -u munge -- /usr/sbin/munged --foreground
}

# secret_key PATH: a new signing key, unless there is one
secret_key() {
    install -d -m 0700 "${1%/*}"
    [ -s "$1" ] || (umask 077; head -c 48 /dev/urandom | base64 -w 0 >"$1.new"; mv "$1.new" "$1")
}

# start_condor: the directories that systemd-tmpfiles would make, then the master
start_condor() {
    install -d -o condor -g condor -m 0755 /run/condor /run/lock/condor
    rm -f /var/lock/condor/InstanceLock
    keep condor_master run_master
}

# run_master: when the master ends, what it has started ends, too, as under systemd
run_master() {
    master_status=0
    /usr/sbin/condor_master -f || master_status=$?
    pkill -KILL '^(condor_|blahpd)' || true
    return "$master_status"
}
