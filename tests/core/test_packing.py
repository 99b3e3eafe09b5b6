# SPDX-License-Identifier: Apache-2.0
"""Jobs fill slots and pilots by every resource."""

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


_SIZES = st.tuples(st.integers(1, 9), st.integers(0, 9_000), st.integers(0, 9_000)).map(
    lambda sizes: Resources(*sizes)
)
_HEAPS = st.lists(st.tuples(_SIZES, st.integers(0, 50)), max_size=4)


@given(_HEAPS, st.lists(st.tuples(_SIZES, st.integers(0, 100)), max_size=6))
def test_no_bin_is_ever_overfilled(
    heaps: list[tuple[Resources, int]], loads: list[tuple[Resources, int]]
) -> None:
    bins = Bins()
    for free, count in heaps:
        bins.add(free, count)
    whole = sum(free.cpus * count for free, count in heaps)
    for each, jobs in loads:
        placed = bins.place(each, jobs)
        assert 0 <= placed <= jobs
        whole -= placed * each.cpus
        assert sum(one.free.cpus * one.count for one in bins.bins) == whole
        assert all(min(one.free[:4]) >= 0 for one in bins.bins)
    assert bins.full + sum(one.count for one in bins.bins) == sum(count for _, count in heaps)


def test_custom_resources_limit_like_any_other() -> None:
    pilot = Resources(8, 16_000, 20_000, 0, (("License", 2),))
    each = Resources(1, 100, 10, 0, (("License", 1),))
    assert pilots_for(pilot, each, 5) == 3
    assert pilot.less(each, 2).amount("License") == 0
    assert pilots_for(PILOT, each, 5) == 0


def test_a_pilot_of_several_nodes_holds_as_many_times_the_jobs() -> None:
    assert pilots_for(PILOT, Resources(1, 1_000, 10), 33, nodes=2) == 3
