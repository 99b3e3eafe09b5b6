# SPDX-License-Identifier: Apache-2.0
"""The factory's submit requirements, read by HTCondor and evaluated as its schedd does."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import classad2
import pytest

ROOT = Path(__file__).resolve().parents[2]
TABLES = """
LOCAL_DIR = /nowhere
GLIDEIN_PILOT_DIR = /pilot
GLIDEIN_REQUESTERS @=end
[
  'glidein-ap2' = [ Entries = { "A", "NotOffered" }; MaxIdlePilots = 5; MaxPilots = 20 ];
]
@end
GLIDEIN_OFFERS @=end
[
  A = [ GridResource = "batch slurm"; BatchQueue = "q"; WallTime = 600; Memory = 100; GPUs = 4 ];
  B = [];
]
@end
"""
READ = """
import htcondor2, json, sys
names = (htcondor2.param["SUBMIT_REQUIREMENT_NAMES"]).split()
wanted = [f"SUBMIT_REQUIREMENT_{n}{e}" for n in names for e in ("", "_REASON")]
wanted += htcondor2.param["SCHEDD_ATTRS"].split() + ["PROTECTED_JOB_ATTRS", "IMMUTABLE_JOB_ATTRS"]
json.dump({"names": names} | {w: htcondor2.param.get(w) for w in wanted}, sys.stdout)
"""
PILOT = {
    "Owner": "glidein-ap2",
    "JobUniverse": 9,
    "GlideinEntry": "A",
    "Cmd": "/pilot/glidein.sh",
    "GridResource": "batch slurm",
    "BatchQueue": "q",
    "BatchRuntime": 600,
    "RequestMemory": 100,
    "JobMaterializeDigestFile": "/spool/1/digest",
    "JobMaterializeMaxIdle": 5,
    "JobMaterializeLimit": 20,
}


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return read(tmp_path_factory.mktemp("config"), TABLES)


def read(directory: Path, tables: str) -> dict[str, Any]:
    """The factory's knobs with these tables, as HTCondor expands them."""
    parts = [ROOT / f"config.d/50-glidein-{name}.conf" for name in ("defaults", "factory")]
    text = "\n".join(part.read_text(encoding="utf-8") for part in parts)
    (directory / "condor_config").write_text(f"{text}\n{tables}")
    env = {**os.environ, "CONDOR_CONFIG": str(directory / "condor_config")}
    argv = [sys.executable, "-c", READ]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=50, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def refusal(rules: dict[str, Any], job: dict[str, object], present: int = 0) -> str:
    """The sentence of the first rule that the job does not meet."""
    schedd = classad2.ClassAd({
        "GlideinPilotsByAccount": classad2.ClassAd({"glidein-ap2": present})
    })
    for name in ("GLIDEIN_REQUESTERS", "GLIDEIN_OFFERS"):
        try:
            schedd[name] = classad2.ExprTree(rules[name])
        except classad2.ClassAdException:
            continue
    ad = classad2.ClassAd({name: value for name, value in job.items() if value is not None})
    for name in rules["names"]:
        rule = f"SUBMIT_REQUIREMENT_{name}"
        if _evaluated(rules[rule], schedd, ad) is not True:
            reason = _evaluated(rules[f"{rule}_REASON"], schedd, ad)
            assert isinstance(reason, str), rule
            return reason
    return ""


def _evaluated(text: str, schedd: classad2.ClassAd, job: classad2.ClassAd) -> object:
    return classad2.ExprTree(re.sub(r"\bJOB\b", "TARGET", text)).eval(schedd, job)


def test_a_requester_s_pilot_within_its_limits_is_taken(rules: dict[str, Any]) -> None:
    assert refusal(rules, PILOT, present=19) == ""
    shape = {"Remote_NodeNumber": 1, "Remote_RequestCpus": 64, "Remote_RequestGPUs": 4}
    assert refusal(rules, PILOT | shape) == ""
    assert refusal(rules, PILOT | {name: str(number) for name, number in shape.items()}) == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"GlideinEntry": "B"}, "Entry B is not open to glidein-ap2; open: A, NotOffered."),
        ({"GlideinEntry": "NotOffered"}, "Entry NotOffered is not open"),
        ({"GlideinEntry": None}, "glidein-ap2 may submit pilots only"),
        ({"JobUniverse": 7}, "glidein-ap2 may submit pilots only"),
        ({"JobMaterializeDigestFile": None}, "by late materialization"),
        ({"TransferExecutable": False}, "may submit pilots only"),
        ({"Cmd": "/bin/sh"}, "is /pilot/glidein.sh, not /bin/sh."),
        ({"Cmd": "/PILOT/glidein.sh"}, "not /PILOT/glidein.sh."),
        ({"GridResource": "batch pbs"}, "of entry A is batch slurm, not batch pbs."),
        ({"GridResource": None}, "is batch slurm, not none."),
        ({"BatchQueue": None}, "'q', '' and '', not '', '' and ''."),
        ({"BatchProject": "mine"}, "not 'q', 'mine' and ''."),
        ({"BatchExtraSubmitArgs": "-p x"}, "not 'q', '' and '-p x'."),
        ({"Remote_Queue": "x"}, "may not have CERequirements or Remote_"),
        ({"CERequirements": "x"}, "may not have CERequirements or Remote_"),
        ({"NodeNumber": 2}, "may ask for 1 nodes, any number of cores"),
        ({"Remote_NodeNumber": 2}, "may ask for 1 nodes"),
        ({"Remote_RequestCpus": "x"}, "may have plain numbers and texts only"),
        ({"Remote_NodeNumber": "1-100"}, "may have plain numbers and texts only"),
        ({"Remote_RequestGPUs": "1 --nodes=9"}, "may have plain numbers and texts only"),
        ({"NodeNumber": "1"}, "may ask for 1 nodes"),
        ({"GPUNumber": 5}, "any number of cores, 4 GPUs"),
        ({"Remote_GPUNumber": 1}, "may not have CERequirements or Remote_"),
        ({"Remote_CERequirements": "x"}, "may not have CERequirements or Remote_"),
        ({"Remote_StageCmd": True}, "may not have CERequirements or Remote_"),
        ({"Remote_JobDirectory": "/x"}, "may not have CERequirements or Remote_"),
        ({"Remote_Iwd": "/x"}, "may not have CERequirements or Remote_"),
        ({"Remote_BatchConstraint": "gpu"}, "BatchReservation and BatchLicenses '', '' and ''."),
        ({"Remote_BatchReservation": "mine"}, "BatchReservation and BatchLicenses '', '' and ''."),
        ({"BatchRuntime": 601}, "600 s and 100 MiB, not for 601 s and 100 MiB."),
        ({"BatchRuntime": None}, "not for unlimited s"),
        ({"RequestMemory": 101}, "not for 600 s and 101 MiB."),
        ({"JobMaterializeMaxIdle": 6}, "max_idle 6, max_materialize 20, 0 in the queue"),
        ({"JobMaterializeMaxIdle": None}, "max_idle unlimited"),
        ({"JobMaterializeLimit": 21}, "its limits are 5 waiting and 20 in all."),
        ({"JobMaterializeLimit": None}, "max_materialize unlimited"),
        ({"Owner": "alice"}, "alice is none of them."),
        ({"Owner": "alice", "GlideinEntry": None}, "alice is none of them."),
        ({"Owner": "alice", "JobUniverse": 5}, "alice is none of them."),
    ],
)
def test_what_a_requester_may_not_have_is_refused_with_a_sentence(
    rules: dict[str, Any], change: dict[str, object], words: str
) -> None:
    assert words in refusal(rules, PILOT | change)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Remote_NodeNumber", 'JobStatus is undefined ? "1" : "100"'),
        ("NodeNumber", "JobStatus is undefined ? 1 : 100"),
        ("BatchQueue", 'strcat("q", "")'),
        ("BatchRuntime", "600 + (JobStatus ?: 0)"),
        ("RequestMemory", "ifThenElse(JobStatus is undefined, 100, 1000)"),
        ("GridResource", 'JobStatus is undefined ? "batch slurm" : "batch pbs"'),
        ("Cmd", 'JobStatus is undefined ? "/pilot/glidein.sh" : "/bin/sh"'),
        ("Remote_Queue", 'JobStatus is undefined ? undefined : "x"'),
        ("Remote_BatchConstraint", 'JobStatus is undefined ? undefined : "gpu"'),
        ("Remote_Iwd", "JobStatus"),
    ],
)
def test_what_may_have_another_value_later_is_refused(
    rules: dict[str, Any], name: str, text: str
) -> None:
    job = PILOT | {name: classad2.ExprTree(text)}
    assert "no expressions, in what this factory checks." in refusal(rules, job)
    assert refusal(rules, job | {"Owner": "glidein"}) == ""


def test_every_attribute_that_is_checked_or_held_must_be_plain(rules: dict[str, Any]) -> None:
    plain = set(re.findall(r"unparse\((\w+)\)", rules["SUBMIT_REQUIREMENT_GlideinLiteral"]))
    assert set(rules["PROTECTED_JOB_ATTRS"].split()) - plain == {"JobUniverse"}
    assert {"RequestMemory", "GlideinEntry"} <= plain


def test_the_total_counts_too(rules: dict[str, Any]) -> None:
    assert "20 in the queue; its limits" in refusal(rules, PILOT, present=20)


def test_users_and_the_factory_s_own_account_are_left_alone(rules: dict[str, Any]) -> None:
    job: dict[str, object] = {"Owner": "alice", "JobUniverse": 5, "Cmd": "/bin/sh"}
    assert refusal(rules, job) == ""
    assert refusal(rules, PILOT | {"Owner": "glidein", "Cmd": "/else", "BatchQueue": "x"}) == ""


@pytest.mark.parametrize("table", ["[ 'glidein-ap2' = [ Entries = {", "[ ]", ""])
def test_a_table_that_does_not_parse_opens_nothing(tmp_path: Path, table: str) -> None:
    rules = read(tmp_path, f"LOCAL_DIR = /nowhere\nGLIDEIN_REQUESTERS = {table}\n")
    assert "glidein-ap2 is none of them" in refusal(rules, PILOT)
    assert refusal(rules, PILOT | {"Owner": "glidein"}) == ""
    assert refusal(rules, {"Owner": "alice", "JobUniverse": 5}) == ""


def test_what_is_checked_cannot_be_changed_afterwards(rules: dict[str, Any]) -> None:
    held = f"{rules['PROTECTED_JOB_ATTRS']} {rules['IMMUTABLE_JOB_ATTRS']}".split()
    checked = set(PILOT) | {"BatchProject", "BatchExtraSubmitArgs", "CERequirements", "Remote_Cmd"}
    steered = {"JobMaterializeMaxIdle", "JobMaterializeLimit"}  # looked at for every pilot
    schedd_s_own = {"Owner", "JobMaterializeDigestFile"}
    assert checked - steered - schedd_s_own - set(held) == {"RequestMemory"}
