# SPDX-License-Identifier: Apache-2.0
"""The submit description: what a person wrote arrives as it is and can do nothing else."""

import base64
import re
import time
from dataclasses import replace
from typing import Any

import classad2
import htcondor2
import pytest

from condor_plugins.core.errors import Misconfigured
from condor_plugins.core.pilot_job import Factory, PilotJob, describe, pilot_prefix, render
from condor_plugins.core.policy import Credential
from condor_plugins.core.resources import Resources
from tests.core.building import entry, expression, group, record

CREDENTIAL = Credential("pool", "callback", "idtoken", "", "/credentials/pool.token")
FACTORY = Factory("ap.example.org", "pool", "cm:9618", "glidein", "abc123", ("a.tgz", "b.tgz"))
HOSTILE = (
    'say "hi"',
    "$(HOME)",
    "$$(x)",
    "$$$(x)",
    "$ENV(HOME)",
    "$RANDOM_CHOICE(1,2)",
    "a\\",
    "'; touch /tmp/x; `id`",
    "a\nqueue 100",
    "a\ttab",
    "  two  blanks ",
    "ünïcode ✓",
    "x = y # z",
)


def pilot(**changes: Any) -> PilotJob:
    return render(entry(**changes), group(), CREDENTIAL, FACTORY)


def described(job: PilotJob) -> dict[str, str]:
    """What the pilot reads from its second argument."""
    word = job.commands["arguments"].split(" ")[1]
    lines = base64.b64decode(word, validate=True).decode().splitlines()
    return dict(line.split("\t") for line in lines)


def expanded(job: PilotJob, name: str) -> str:
    """A submit command as condor_submit understands it."""
    text = "".join(f"{name} = {value}\n" for name, value in job.commands.items())
    submit = htcondor2.Submit(f"{text}queue 1\n")
    assert len(submit.keys()) == len(job.commands), "a value became a command of its own"
    return str(submit.expand(name))


def test_a_pilot_of_a_local_batch_system() -> None:
    commands = pilot(submit=record(BatchQueue="regular")).commands
    assert commands["universe"] == "grid"
    assert commands["executable"] == "/pilot/glidein.sh"
    assert commands["transfer_input_files"] == (
        "/pilot/glidein-manifest.txt, /pilot/a.tgz, /pilot/b.tgz, /credentials/pool.token"
    )
    assert commands["arguments"].startswith("ap.example.org-$(Cluster).$(Process) ")
    assert (commands["request_cpus"], commands["request_memory"]) == ("8", "16000")
    assert commands["MY.BatchQueue"] == '"regular"'
    assert commands["MY.GlideinEntry"] == '"A"'
    assert "--cpus-per-task=8" in commands["MY.BatchExtraSubmitArgs"]


def test_the_description_tells_the_pilot_what_it_is() -> None:
    told = described(pilot(attributes=record(HasCVMFS=True), start="TARGET.X > 1"))
    assert told == {
        "Collector": "cm:9618",
        "TrustDomain": "pool",
        "Schedd": "ap.example.org",
        "Site": "SiteA",
        "Entry": "A",
        "Group": "everyone",
        "Cpus": "8",
        "MemoryMB": "16000",
        "DiskMB": "20000",
        "WallTimeS": "3600",
        "IdleTimeoutS": "600",
        "TailTimeoutS": "300",
        "Start": "(TARGET.X > 1) && (true)",
        "ManifestSha256": "abc123",
        "TokenFile": "pool.token",
        "Attr.HasCVMFS": "true",
    }


@pytest.mark.parametrize("text", HOSTILE)
def test_values_arrive_as_they_were_written(text: str) -> None:
    quoted = classad2.quote(text)
    told = described(
        pilot(start=f"TARGET.Note == {quoted}", attributes=record(Note=text), site=text)
    )
    assert expression(told["Attr.Note"]).eval() == text
    job = classad2.ClassAd({"Note": text})
    assert expression(told["Start"]).eval(classad2.ClassAd(), job) is True
    assert told["Site"] == text.replace("\n", " ").replace("\t", " ")


@pytest.mark.parametrize("text", HOSTILE)
def test_job_attributes_arrive_as_they_were_written(text: str) -> None:
    job = pilot(submit=record(BatchProject=text), site=text)
    for name in ("MY.BatchProject", "MY.GlideinSite"):
        assert expression(expanded(job, name)).eval() == text


@pytest.mark.parametrize("text", [one for one in HOSTILE if one.strip() == one])
def test_plain_commands_arrive_as_they_were_written_or_are_refused(text: str) -> None:
    """A newline, or a backslash at the end, would make another command of the next line."""
    try:
        job = pilot(grid_resource=f"batch slurm {text}")
    except Misconfigured as problem:
        assert "grid_resource should be one line" in str(problem)
        assert re.search(r"[\n\t]|\\$", text)
    else:
        assert expanded(job, "grid_resource") == f"batch slurm {text}"


def test_paths_are_not_expanded_either() -> None:
    job = pilot(pilot_dir="/$(HOME)/p", log_dir="/$ENV(HOME)")
    assert expanded(job, "executable") == "/$(HOME)/p/glidein.sh"
    assert expanded(job, "initialdir") == "/$ENV(HOME)"


def test_the_description_is_one_word_that_no_shell_touches() -> None:
    word = describe(dict.fromkeys(HOSTILE, "x" * 50))
    assert re.fullmatch(r"[A-Za-z0-9+/]+=*", word)


def test_extra_arguments_of_the_site_follow_the_request_for_cores() -> None:
    for name in ("BatchExtraSubmitArgs", "batchextrasubmitargs"):
        given = record(**{name: '--comment="a b"'})
        text = expression(pilot(submit=given).commands["MY.BatchExtraSubmitArgs"]).eval()
        assert text == '--nodes=1 --ntasks=1 --cpus-per-task=8 --comment="a b"'


def test_a_grid_type_that_is_no_batch_system_gets_no_extra_arguments() -> None:
    commands = pilot(grid_resource="condor ce.example.org ce.example.org:9619").commands
    assert "MY.BatchExtraSubmitArgs" not in commands


def test_an_entry_cannot_pose_as_another() -> None:
    """Its pilots would be counted elsewhere, and more asked for in every cycle."""
    job = pilot(submit=record(glideinentry="B", GlideinGroup="other"))
    text = "".join(f"{name} = {value}\n" for name, value in job.commands.items())
    submit = htcondor2.Submit(f"{text}queue 1\n")
    assert submit.expand("MY.GlideinEntry") == '"A"'
    assert submit.expand("MY.GlideinGroup") == '"everyone"'


@pytest.mark.parametrize(
    "changes",
    [
        {"site": "Other"},
        {"grid_resource": "batch pbs"},
        {"shape": Resources(16, 16_000, 20_000)},
        {"wall_time_s": 7200},
        {"idle_timeout_s": 60},
        {"tail_timeout_s": 60},
        {"held_timeout_s": 60},
        {"max_wait_s": 60},
        {"release_held": (13,)},
        {"keep_held": (13,)},
        {"start": "TARGET.X"},
        {"attributes": record(A=1)},
        {"submit": record(BatchQueue="debug")},
        {"pilot_dir": "/elsewhere"},
        {"log_dir": "/elsewhere"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_the_digest_changes_with_the_pilot(changes: dict[str, Any]) -> None:
    assert pilot(**changes).digest != pilot().digest


@pytest.mark.parametrize(
    "changes",
    [{"max_pilots": 1}, {"max_idle_pilots": 1}, {"max_held_pilots": 1}, {"trust_domain": "t"}],
    ids=lambda changes: next(iter(changes)),
)
def test_the_digest_does_not_change_with_limits(changes: dict[str, Any]) -> None:
    """Else every change of a limit would throw away what waits in the site's queue."""
    assert pilot(**changes).digest == pilot().digest


def test_the_digest_changes_with_group_files_and_credential() -> None:
    first = pilot().digest
    others = [
        render(entry(), group(start=expression("false")), CREDENTIAL, FACTORY),
        render(entry(), group("other"), CREDENTIAL, FACTORY),
        render(entry(), group(), CREDENTIAL._replace(path="/c/other.token"), FACTORY),
        render(entry(), group(), CREDENTIAL, replace(FACTORY, manifest_sha256="def")),
        render(entry(), group(), CREDENTIAL, replace(FACTORY, collector="cm2")),
    ]
    assert first not in {job.digest for job in others}
    assert len({job.digest for job in others}) == len(others)


def holds(job: PilotJob, command: str, **ad: object) -> bool:
    """What a periodic expression of the pilot says of this ad."""
    return expression(expanded(job, command)).eval(classad2.ClassAd(ad)) is True


def waiting(job: PilotJob, **times_ago_s: int) -> bool:
    """Whether a waiting pilot is removed."""
    now_s = int(time.time())
    times = {name: now_s - ago_s for name, ago_s in times_ago_s.items()}
    return holds(job, "periodic_remove", JobStatus=1, **times)


def held(job: PilotJob, command: str, ago_s: int, **ad: object) -> bool:
    """Whether a pilot that is held since then is removed, or released."""
    since_s = int(time.time()) - ago_s
    made = {"JobStatus": 5, "QDate": 1, "JobMaterializeDate": 2, "EnteredCurrentStatus": since_s}
    return holds(job, command, **made, **ad)


def test_a_pilot_that_waits_for_too_long_is_removed() -> None:
    """By its own time, and not that of its cluster, which QDate is and its first state's too."""
    job = pilot(max_wait_s=600)
    old = {"QDate": 9000, "EnteredCurrentStatus": 9000}
    assert waiting(job, **old)
    assert waiting(job, **old, JobMaterializeDate=700)
    assert not waiting(job, **old, JobMaterializeDate=500)
    assert not waiting(job, QDate=9000, JobMaterializeDate=8000, EnteredCurrentStatus=10)
    now_s = int(time.time())
    running = {"QDate": 1, "JobMaterializeDate": 1, "EnteredCurrentStatus": now_s - 9000}
    assert not holds(job, "periodic_remove", JobStatus=2, **running)


def test_a_held_pilot_is_removed_after_a_while_unless_a_person_should_see_it() -> None:
    job = pilot(held_timeout_s=600, keep_held=(26, 35))
    found = [held(job, "periodic_remove", 700, HoldReasonCode=code) for code in (13, 26, 35)]
    assert found == [True, False, False]
    assert held(job, "periodic_remove", 700)
    assert not held(job, "periodic_remove", 500, HoldReasonCode=13)
    assert held(pilot(held_timeout_s=600), "periodic_remove", 700, HoldReasonCode=26)


def test_some_held_pilots_are_released_three_times_with_growing_waits() -> None:
    job = pilot(release_held=(13, 35))
    for holds_before, wait_s in ((1, 300), (2, 900), (3, 2700)):
        times = {"HoldReasonCode": 35, "NumSystemHolds": holds_before}
        assert not held(job, "periodic_release", wait_s - 5, **times)
        assert held(job, "periodic_release", wait_s + 5, **times)
    assert not held(job, "periodic_release", 90_000, HoldReasonCode=35, NumSystemHolds=4)
    assert not held(job, "periodic_release", 90_000, HoldReasonCode=26, NumSystemHolds=1)
    assert not held(job, "periodic_release", 90_000, NumSystemHolds=1)


def test_no_pilot_is_released_where_nobody_asks_for_it() -> None:
    assert "periodic_release" not in pilot().commands


def test_what_is_missing_is_named() -> None:
    with pytest.raises(Misconfigured, match='Purpose "callback" and TrustDomain "t"'):
        render(entry(trust_domain="t"), group(), None, FACTORY)
    with pytest.raises(Misconfigured, match="no LogDir"):
        pilot(log_dir="")


@pytest.mark.parametrize("name", ["a b", "a/b", "", "-x", 'q"', "a\n"])
def test_names_that_cannot_be_part_of_file_names_are_refused(name: str) -> None:
    with pytest.raises(Misconfigured, match="letters, digits"):
        render(entry(name), group(), CREDENTIAL, FACTORY)


def test_pilots_are_named_after_their_schedd() -> None:
    assert pilot_prefix("schedd@ap-1.example.org") == "schedd_ap_1.example.org-"
