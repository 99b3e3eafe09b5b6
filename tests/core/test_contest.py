# SPDX-License-Identifier: Apache-2.0
"""Groups that contest an entry get its room by weight, borrow what is left, and give it back."""

from hypothesis import given
from hypothesis import strategies as st

from condor_plugins.core.contest import Claim, corrected_weights, decayed, divide
from condor_plugins.core.plan import Memory
from condor_plugins.core.resources import Resources
from tests.core.building import NOW_S, choose, cluster, entry, group, kind, of, policy

CLAIMS = st.lists(
    st.builds(
        Claim,
        present=st.integers(0, 50),
        wish=st.integers(0, 50),
        weight=st.floats(0.1, 10),
    ),
    min_size=1,
    max_size=5,
)


def test_room_goes_by_weight() -> None:
    assert divide(16, [Claim(0, 100, 3.0), Claim(0, 100, 1.0)]) == [12, 4]


def test_what_one_does_not_wish_goes_to_the_other() -> None:
    assert divide(16, [Claim(0, 2, 3.0), Claim(0, 100, 1.0)]) == [2, 14]


def test_who_has_more_than_its_share_waits_until_the_others_have_theirs() -> None:
    assert divide(4, [Claim(0, 100, 1.0), Claim(12, 100, 1.0)]) == [4, 0]


@given(CLAIMS, st.integers(0, 100))
def test_nothing_is_given_twice_nor_left_while_it_is_wished(claims: list[Claim], room: int) -> None:
    given_ = divide(room, claims)
    assert all(0 <= got <= one.wish for got, one in zip(given_, claims, strict=True))
    assert sum(given_) == min(room, sum(one.wish for one in claims))


def test_a_group_that_used_more_than_its_share_weighs_less() -> None:
    weights = corrected_weights({"a": 1.0, "b": 1.0}, {"a": 30_000.0, "b": 10_000.0})
    assert weights["a"] < 1.0 < weights["b"] <= 2.0


def test_little_usage_corrects_nothing() -> None:
    assert corrected_weights({"a": 3.0, "b": 1.0}, {"a": 100.0}) == {"a": 3.0, "b": 1.0}


def test_usage_halves_in_its_half_life() -> None:
    assert decayed({"a": 1000.0}, 86_400, 86_400) == {"a": 500.0}


def test_two_groups_contest_an_entry_by_their_weights() -> None:
    groups = [group("g", "Tag == 1", weight=3.0), group("h", "Tag == 2", weight=1.0)]
    wanted = policy([entry(max_pilots=16)], groups)
    plan = choose(wanted, [kind(800, Tag=1), kind(800, Tag=2)])
    assert (of(plan, "A", "g").granted, of(plan, "A", "h").granted) == (12, 4)
    assert any("share of entry A, weight 1 of 4" in text for text in of(plan, "A", "h").cut_by)


def test_a_group_without_demand_leaves_the_entry_to_the_other() -> None:
    groups = [group("g", "Tag == 1", weight=3.0), group("h", "Tag == 2", weight=1.0)]
    plan = choose(policy([entry(max_pilots=16)], groups), [kind(800, Tag=2)])
    assert of(plan, "A", "h").granted == 16


def test_usage_is_booked_by_group_for_the_time_since_the_last_cycle() -> None:
    before = Memory(at_s=NOW_S - 60)
    plan = choose(policy([entry()]), clusters=[cluster(running=2, most=2)], before=before)
    assert plan.memory.usage == {"everyone": 2 * 8 * 60.0}


def test_a_group_gets_no_share_that_its_own_limit_forbids() -> None:
    groups = [group("g", "Tag == 1", weight=3.0, max_pilots=10), group("h", "Tag == 2")]
    here = (
        cluster(1, group="g", running=10, most=10),
        cluster(2, group="h", running=30, most=30),
    )
    wanted = policy([entry(max_idle_pilots=100)], groups)
    plan = choose(wanted, [kind(4000, Tag=1), kind(4000, Tag=2)], clusters=here)
    assert (of(plan, "A", "g").granted, of(plan, "A", "h").granted) == (0, 60)


def test_a_used_up_share_is_no_reason_to_waste_elsewhere() -> None:
    groups = [group("g", "Tag == 1"), group("h", "Tag == 2")]
    fat = entry("Fat", shape=Resources(8, 64_000, 20_000), max_idle_pilots=5)
    kinds = [kind(400, memory_mb=7_000, Tag=tag) for tag in (1, 2)]
    plan = choose(policy([fat, entry("Poor")], groups), kinds)
    assert {one.granted for one in plan.requests if one.entry == "Poor"} == {0}
