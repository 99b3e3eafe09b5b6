# SPDX-License-Identifier: Apache-2.0
"""Recorded ads become our values; a strange one becomes none of them silently."""

import classad2
import pytest

from condor_plugins.core.matching import Matcher
from condor_plugins.core.resources import Resources
from condor_plugins.pool.ads import job_kind, slot, whole, word
from tests.pool.fakes import recorded


def changed(ad: classad2.ClassAd, **values: object) -> classad2.ClassAd:
    copy = classad2.ClassAd(str(ad))
    for name, value in values.items():
        copy[name] = value
    return copy


def test_rows_of_a_real_schedd_become_kinds_of_jobs() -> None:
    small, large = (job_kind(row) for row in recorded("job-rows.ads"))
    assert (small.count, small.example, small.owner) == (2, "9.0", "alice")
    assert (large.count, large.example) == (3, "8.0")
    assert small.each == Resources(1, 2000, 1024)
    assert large.each == Resources(4, 5500, 1024)


def test_the_same_kind_has_the_same_signature_in_the_next_cycle() -> None:
    row = recorded("job-rows.ads")[0]
    later = changed(row, Id=9, JobIds="9.1", JobCount=1, ServerTime=5)
    assert job_kind(later).signature == job_kind(row).signature
    assert job_kind(changed(row, Base=1001)).signature != job_kind(row).signature


def test_a_slot_of_a_real_glidein() -> None:
    (ad,) = recorded("glidein-slot.ad")
    made = slot(ad)
    assert (made.entry, made.group, made.pilot) == ("Perl", "main", "ap-8.0")
    assert made.name == "slot1@glidein-ap-8.0@n0001"
    assert made.free.cpus == ad["Cpus"]
    assert made.free.memory_mb == ad["Memory"]
    assert made.free.disk_mb == ad["Disk"] // 1024
    assert made.total == Resources(8, 4000, 2000, 0)


def test_alike_slots_have_one_signature_whatever_their_names() -> None:
    (ad,) = recorded("glidein-slot.ad")
    twin = changed(ad, Name="slot1@other", GLIDEIN_Pilot="ap-9.0")
    assert slot(twin).signature == slot(ad).signature
    assert slot(changed(ad, Cpus=1)).signature != slot(ad).signature


def test_the_end_of_life_is_told_to_ten_minutes() -> None:
    (ad,) = recorded("glidein-slot.ad")
    at = slot(changed(ad, GLIDEIN_ToDie=1_795_200_000)).signature
    assert slot(changed(ad, GLIDEIN_ToDie=1_795_200_030)).signature == at
    assert slot(changed(ad, GLIDEIN_ToDie=1_795_200_900)).signature != at


def test_a_recorded_job_matches_a_recorded_slot() -> None:
    (ad,) = recorded("glidein-slot.ad")
    row = changed(recorded("job-rows.ads")[1], Wanted="A,Perl")
    row["Requirements"] = classad2.ExprTree(
        str(row.lookup("Requirements")).replace('"N"', '"NERSC"')
    )
    free = changed(ad, Cpus=8, Memory=16_000, Disk=10**8, Start=True)
    assert Matcher().job_in_slot(job_kind(row), slot(free))
    assert not Matcher().job_in_slot(job_kind(row), slot(changed(free, Memory=5_000)))


def test_a_job_without_sizes_counts_as_one_core() -> None:
    assert job_kind(classad2.ClassAd("[ JobCount = 3 ]")).each == Resources(1, 0, 0)


@pytest.mark.parametrize(
    ("text", "number"),
    [("3", 3), ("3.7", 3), ("1 + 1", 2), ("undefined", 7), ("error", 7), ('"3"', 7), ("true", 7)],
)
def test_a_number_or_the_default(text: str, number: int) -> None:
    assert whole(classad2.ClassAd(f"[ A = {text} ]"), "A", 7) == number
    assert whole(classad2.ClassAd(), "A", 7) == 7


def test_a_string_or_nothing() -> None:
    ad = classad2.ClassAd('[ A = "x"; B = 3; C = undefined ]')
    assert [word(ad, name) for name in "ABCD"] == ["x", "", "", ""]
