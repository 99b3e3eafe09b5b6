# SPDX-License-Identifier: Apache-2.0
"""sbatch, squeue, scancel and scontrol as small scripts over a directory, without accounting."""

from pathlib import Path

import pytest

# Each job is a file: id, name, state, exit code. "end" in the directory ends a job by hand.
SBATCH = r"""
name= account=
for word; do case $word in
    --job-name=*) name=${word#*=} ;;
    --account=*) account=${word#*=} ;;
    --wrap*|/*) exit 2 ;;
esac; done
if [ "$account" = wrong ]; then
    echo "sbatch: error: Batch job submission failed: Invalid account" >&2
    exit 1
fi
cat > script
number=$(($(ls jobs | wc -l) + 100))
echo "$number $name RUNNING 0:0" > "jobs/$number"
echo "$number"
"""
SQUEUE = r"""
if [ -e down ]; then
    echo "slurm_load_jobs error: Unable to contact slurm controller" >&2
    exit 1
fi
if [ -e end ]; then
    read -r number state code < end
    read -r _ name _ < "jobs/$number"
    echo "$number $name $state $code" > "jobs/$number"
    rm end
fi
for one in jobs/*; do
    [ -e "$one" ] || continue
    read -r number name state _ < "$one"
    echo "$number|$name|$state|1:05|2026-11-21T06:23:13|nid000001|a|b"
done
"""
SCANCEL = r"""
if [ ! -e "jobs/$1" ]; then
    echo "scancel: error: Kill job error on job id $1: Invalid job id specified" >&2
    exit 1
fi
read -r number name _ < "jobs/$1"
echo "$number $name CANCELLED 0:15" > "jobs/$1"
"""
SCONTROL = r"""
[ -e "jobs/$4" ] || { echo "slurm_load_jobs error: Invalid job id specified" >&2; exit 1; }
read -r number name state code < "jobs/$4"
echo "JobId=$number JobName=$name UserId=u(1) JobState=$state Reason=None ExitCode=$code" \
    "RunTime=00:01:05 StartTime=2026-11-21T06:23:13 NodeList=nid000001 BatchHost=nid000001"
"""
SACCT = 'echo "Slurm accounting storage is disabled" >&2\nexit 1\n'


def commands(home: Path, monkeypatch: pytest.MonkeyPatch, **others: str) -> Path:
    """The directory they work in; they come first in PATH. `others` replace one by its name."""
    (home / "jobs").mkdir(parents=True)
    (home / "bin").mkdir()
    scripts = {
        "sbatch": SBATCH,
        "squeue": SQUEUE,
        "scancel": SCANCEL,
        "scontrol": SCONTROL,
        "sacct": SACCT,
    }
    for name, text in (scripts | others).items():
        path = home / "bin" / name
        path.write_text(f"#!/bin/sh\ncd {home} || exit 1\n{text}")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{home}/bin:/usr/bin:/bin")
    return home
