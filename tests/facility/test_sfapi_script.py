# SPDX-License-Identifier: Apache-2.0
"""Resources become lines for sbatch, and no value becomes anything else."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as any_

from condor_plugins.facility.sfapi_script import WrongValue, with_directives
from condor_plugins.facility.values import Resources, Submission

LOG = "/pscratch/x/jobs/gl-1.log"
SCRIPT = "#!/bin/sh\numask 077\necho\n"


def made(script: str = SCRIPT, name: str = "gl-1", log: str = LOG, **asked: Any) -> str:
    return with_directives(Submission(name, script, log, Resources(**asked)), "qos")


def lines(**asked: Any) -> list[str]:
    return [line[8:] for line in made(**asked).splitlines() if line.startswith("#SBATCH ")]


def test_all_that_can_be_asked_for() -> None:
    asked: dict[str, Any] = {
        "queue": "regular",
        "project": "m1234_g",
        "constraint": "gpu&hbm80g",
        "reservation": "res_1",
        "licenses": "scratch,cfs:2",
        "extra": "--exclusive  -A m2 --comment=x",
        "wall_s": 3601,
        "memory_mb": 4000,
        "cpus": 8,
        "gpus": 4,
        "nodes": 2,
    }
    assert lines(**asked) == [
        "--job-name=gl-1",
        f"--output={LOG}",
        f"--error={LOG}",
        "--account=m1234_g",
        "--qos=regular",
        "--constraint=gpu&hbm80g",
        "--reservation=res_1",
        "--licenses=scratch,cfs:2",
        "--time=61",
        "--nodes=2",
        "--ntasks-per-node=1",
        "--cpus-per-task=8",
        "--gpus-per-node=4",
        "--mem=4000M",
        "--exclusive -A m2 --comment=x",
    ]


def test_what_is_not_asked_for_is_not_said() -> None:
    assert lines()[3:] == ["--nodes=1", "--ntasks-per-node=1", "--cpus-per-task=1"]


def test_the_script_stays_as_it_is() -> None:
    first, *rest = made().splitlines(keepends=True)
    assert first == "#!/bin/sh\n"
    assert "".join(line for line in rest if not line.startswith("#SBATCH")) == SCRIPT[10:]


def test_a_queue_may_be_a_partition() -> None:
    job = Submission("gl-1", SCRIPT, LOG, Resources(queue="debug"))
    assert "#SBATCH --partition=debug\n" in with_directives(job, "partition")


@pytest.mark.parametrize(
    "bad", ["a\n#SBATCH -J x", "a b", "a;b", "$(a)", "a'b", 'a"b', "-a", "ä", "a\\", "a#b"]
)
@pytest.mark.parametrize(
    "attribute", ["queue", "project", "constraint", "reservation", "licenses", "name", "log"]
)
def test_a_value_that_could_be_more_is_refused_by_name(attribute: str, bad: str) -> None:
    with pytest.raises(WrongValue, match=attribute):
        made(**{attribute: bad})


@pytest.mark.parametrize("log", ["relative", "/a/%j", "/a b", ""])
def test_a_log_that_sbatch_would_change_is_refused(log: str) -> None:
    with pytest.raises(WrongValue, match="log"):
        made(log=log)


@pytest.mark.parametrize("asked", [{"nodes": -1}, {"cpus": 10**9}, {"wall_s": -60}])
def test_a_number_out_of_range_is_refused_by_name(asked: dict[str, Any]) -> None:
    with pytest.raises(WrongValue, match=next(iter(asked))):
        made(**asked)


@pytest.mark.parametrize(
    "extra",
    [
        *("--job-name=x", "--job-n=x", "-Jx", "-J x", "--out=/x", "-o x", "--array=1-9", "-a 1-9"),
        *("--wrap=x", "-HJx", "-sH", "--mem=`id`", "--x=$HOME", "--comment='a'", "-M all", "-D /"),
        *("--", "--e=x", "--clusters=all", "\\", "--comment=#x"),
        *("/bin/other", "-N2 other", "--qos=a other", "--exclusive other", "-C gpu other"),
        *("-C :", "--qos hetjob", "--qos packjob", "--test-only", "--wait", "-W", "--help", "-h"),
        *("--usage", "--version", "-V", "--parsable", "--test"),
    ],
)
def test_extra_options_cannot_take_the_job_out_of_our_hands(extra: str) -> None:
    with pytest.raises(WrongValue, match="extra"):
        made(extra=extra)


@pytest.mark.parametrize(
    "extra",
    [
        "-N2",
        "-C gpu",
        "--qos debug",
        "--wait-all-nodes=1",
        "--mail-type=END -q debug",
        "--signal=B:USR1@60",
    ],
)
def test_other_extra_options_pass(extra: str) -> None:
    assert lines(extra=extra)[-1] == extra


@pytest.mark.parametrize("script", ["", "echo\n", "#!/bin/sh\necho ä\n"])
def test_what_is_no_script_is_refused(script: str) -> None:
    with pytest.raises(WrongValue, match="script"):
        made(script)


@settings(deadline=None, derandomize=True)
@given(any_.text(max_size=20), any_.sampled_from(["queue", "constraint", "licenses", "extra"]))
def test_no_value_adds_a_line(value: str, attribute: str) -> None:
    try:
        text = made(**{attribute: value})
    except WrongValue:
        return
    added = [line for line in text.splitlines() if line not in made().splitlines()]
    assert len(added) <= 1
    assert all(line.startswith("#SBATCH --") or attribute == "extra" for line in added)
