# SPDX-License-Identifier: Apache-2.0
"""Matches are HTCondor's own, and a failed one names its clauses."""

import subprocess
import sys
from pathlib import Path

import classad2
import pytest

from condor_plugins.core.matching import Matcher, failing_clauses, prototype
from condor_plugins.core.resources import Resources
from tests.core.building import NOW_S, entry, expression, group, kind, record, slot

ROOT = Path(__file__).resolve().parents[2]
APPLICATIONS = sorted(ROOT.glob("condor_plugins/*/__main__.py"))
_MATCH = """
import classad2
from condor_plugins.core.matching import Matcher
job = classad2.ClassAd('[ Requirements = stringListMember(TARGET.GLIDEIN_Entry, "A,B")'
                       ' && versionGE(split(TARGET.CondorVersion)[1], "25.12.0") ]')
slot = classad2.ClassAd('[ Requirements = true; GLIDEIN_Entry = "B";'
                        ' CondorVersion = "$CondorVersion: 25.14.1 $" ]')
raise SystemExit(0 if job.symmetricMatch(slot) else "htcondor2 came too late")
"""


@pytest.mark.parametrize("application", APPLICATIONS, ids=lambda one: one.parent.name)
def test_every_entry_point_loads_htcondor2_before_classad2(application: Path) -> None:
    """Else HTCondor's functions evaluate to error, and every match is silently false."""
    entry_point = ".".join(application.relative_to(ROOT).with_suffix("").parts)
    # The gateway's own loads nothing: what needs HTCondor loads it, and no verb of it matches ads.
    entry_point = entry_point.replace("gateway.__main__", "gateway.knobs")
    argv = [sys.executable, "-c", f"import {entry_point}{_MATCH}"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_a_job_matches_the_pilot_it_fits_in() -> None:
    ad = prototype(entry(), group())
    assert Matcher().answer(kind(1), "A", ad)
    assert not Matcher().answer(kind(1, cpus=9), "A", ad)
    assert not Matcher().answer(kind(1, memory_mb=16_001), "A", ad)
    assert not Matcher().answer(kind(1, RequestGPUs=1), "A", ad)


def test_gpus_of_an_entry_match_gpu_jobs() -> None:
    ad = prototype(entry(shape=Resources(8, 16_000, 20_000, 2)), group())
    assert Matcher().answer(kind(1, RequestGPUs=2), "A", ad)
    assert not Matcher().answer(kind(1, RequestGPUs=3), "A", ad)


def test_start_of_entry_and_group_and_published_attributes_decide() -> None:
    wants = 'HasCVMFS && TARGET.GLIDEIN_Site == "SiteA" && TARGET.GLIDEIN_Group == "everyone"'
    job = kind(1, requirements=wants, Project="ligo")
    published = entry(attributes=record(HasCVMFS=True), start='TARGET.Project == "ligo"')
    assert Matcher().answer(job, "1", prototype(published, group()))
    assert not Matcher().answer(job, "2", prototype(entry(), group()))
    refused = group(start=expression('TARGET.Owner != "alice"'))
    assert not Matcher().answer(job, "3", prototype(published, refused))


def test_an_entry_may_publish_another_architecture() -> None:
    job = kind(1)
    arm = entry(attributes=record(Arch="aarch64"))
    assert not Matcher().answer(job, "A", prototype(arm, group()))


def test_the_time_a_pilot_has_is_part_of_the_match() -> None:
    job = kind(1, requirements=f"TARGET.GLIDEIN_ToDie - {NOW_S} > 7000")
    assert not Matcher().answer(job, "1h", prototype(entry(wall_time_s=3600), group(), NOW_S))
    assert Matcher().answer(job, "2h", prototype(entry(wall_time_s=7200), group(), NOW_S))


def test_nothing_is_evaluated_twice() -> None:
    matcher, ad = Matcher(), prototype(entry(), group())
    assert [matcher.answer(kind(5), "A", ad) for _ in range(3)] == [True] * 3
    assert matcher.evaluated == 1
    matcher.answer(kind(5), "B", ad)
    assert matcher.evaluated == 2


def test_a_slot_that_is_full_or_refuses_does_not_match() -> None:
    assert Matcher().job_in_slot(kind(1), slot("1.0", 8, 16_000))
    assert not Matcher().job_in_slot(kind(1, memory_mb=5_500), slot("1.0", 8, 1_000))
    assert not Matcher().job_in_slot(kind(1), slot("1.0", 8, 16_000, Start=False))


def test_failing_clauses_say_whose_they_are_and_what_they_gave() -> None:
    job = kind(1, cpus=9, requirements="HasCVMFS && TARGET.Cpus > 2")
    ad = prototype(entry(start='TARGET.Project == "ligo" && true'), group())
    shown = {str(clause) for clause in failing_clauses(job.ad, ad)}
    assert shown == {
        "job: HasCVMFS is undefined",
        "job: TARGET.Cpus >= RequestCpus is false",
        'entry: TARGET.Project == "ligo" is undefined',
        "entry: TARGET.RequestCpus <= MY.Cpus is false",
    }


def test_a_match_has_no_failing_clause() -> None:
    assert failing_clauses(kind(1).ad, prototype(entry(), group())) == ()
    assert failing_clauses(classad2.ClassAd(), prototype(entry(), group())) != ()
