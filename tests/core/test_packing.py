# SPDX-License-Identifier: Apache-2.0
"""Jobs fill slots and pilots by every resource."""

from dataclasses import astuple

from hypothesis import given
from hypothesis import strategies as st

from condor_plugins.core.packing import Bins, pilots_for
from condor_plugins.core.resources import Resources

PILOT = Resources(8, 16_000, 20_000)


def test_pilots_are_filled_by_cores() -> None:
    assert pilots_for(PILOT, Resources(1, 1_000, 10), 17) == 3


def test_memory_bound_jobs_need_more_pilots() -> None:
    assert pilots_for(PILOT, Resources(1, 5_500, 10), 16) == 8


def test_a_job_larger_than_the_pilot_is_no_reason_for_one() -> None:
    assert pilots_for(PILOT, Resources(9, 1_000, 10), 5) == 0


def test_started_bins_are_filled_before_fresh_ones() -> None:
    bins = Bins()
    bins.add(PILOT, 3)
    assert bins.place(Resources(6, 100), 1) == 1
    assert bins.place(Resources(2, 100), 1) == 1
    assert bins.untouched() == 2


def test_what_finds_no_room_is_told() -> None:
    bins = Bins()
    bins.add(PILOT, 2)
    assert bins.place(Resources(3, 100), 10) == 4
    assert bins.place(Resources(3, 100), 10) == 0
    assert bins.untouched() == 0


_SIZES = st.builds(Resources, st.integers(1, 9), st.integers(0, 9_000), st.integers(0, 9_000))
_HEAPS = st.lists(st.tuples(_SIZES, st.integers(0, 50)), max_size=4)


@given(_HEAPS, st.lists(st.tuples(_SIZES, st.integers(0, 100)), max_size=6))
def test_no_bin_is_ever_overfilled(
    heaps: list[tuple[Resources, int]], loads: list[tuple[Resources, int]]
) -> None:
    bins = Bins()
    for free, count in heaps:
        bins.add(free, count)
    whole = _room(bins)
    for each, jobs in loads:
        placed = bins.place(each, jobs)
        assert 0 <= placed <= jobs
        whole = [have - placed * need for have, need in zip(whole, astuple(each), strict=True)]
        assert _room(bins) == whole
        assert all(amount >= 0 for one in bins.bins for amount in astuple(one.free))
    assert sum(one.count for one in bins.bins) == sum(count for _, count in heaps)


def _room(bins: Bins) -> list[int]:
    rooms = [[amount * one.count for amount in astuple(one.free)] for one in bins.bins]
    return [sum(column) for column in zip(*rooms, strict=True)] or [0, 0, 0, 0]
