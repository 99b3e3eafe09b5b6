# SPDX-License-Identifier: Apache-2.0
"""Records of cycles: what comes back is what was seen, and decides the same."""

import json
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

import classad2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from condor_plugins.core.plan import Memory
from condor_plugins.core.recorded import (
    Decision,
    Record,
    UnreadableError,
    built,
    decision_of,
    document_of,
    plain,
    record_of,
)
from condor_plugins.core.snapshot import Snapshot
from tests.core.building import NOW_S, choose, cluster, entry, kind, policy, slot

PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(st.characters(blacklist_categories=["Cs"]), max_size=3),
    int: st.integers(-1, 10**12),
    float: st.floats(0, 1e10),
    bool: st.booleans(),
    classad2.ClassAd: st.sampled_from([
        "[ ]",
        '[ A = 1; B = "x\\"y"; C = undefined; D = true ]',
        "[ Requirements = TARGET.Memory >= MY.RequestMemory && 1.5e10 > x; N = [ y = { 1, 2 } ] ]",
    ]).map(classad2.ClassAd),
}


def any_of(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a type of the core, whatever fields it has by now."""
    origin, inner = get_origin(kind), get_args(kind)
    if hasattr(kind, "_fields"):
        hints = get_type_hints(kind)
        return st.builds(kind, **{name: any_of(hints[name]) for name in kind._fields})
    if origin is tuple and inner[-1] is ...:
        return st.lists(any_of(inner[0]), max_size=2).map(tuple)
    if origin is tuple:
        return st.tuples(*map(any_of, inner))
    if origin is Mapping:
        return st.dictionaries(any_of(inner[0]), any_of(inner[1]), max_size=2)
    if origin is not None or isinstance(kind, UnionType):
        return st.one_of(*(st.none() if one is NoneType else any_of(one) for one in inner))
    return PLAIN[kind]


def through_json(record: Record) -> Record:
    return record_of(json.loads(json.dumps(document_of(record))))


def texts(seen: Snapshot) -> list[str]:
    """The ads, which the values' own comparison leaves out."""
    return [*(str(one.ad) for one in seen.kinds), *(str(one.ad) for one in seen.slots)]


@settings(max_examples=60)
@given(any_of(Record))
def test_what_is_recorded_comes_back(record: Record) -> None:
    again = through_json(record)
    assert again == record
    assert texts(again.seen) == texts(record.seen)


def test_a_record_decides_the_same() -> None:
    """The ads have to come back so that they match as they did."""
    wanted = policy([entry("A", max_idle_pilots=3), entry("B", start="TARGET.RequestCpus > 1")])
    kinds = (kind(40, requirements='HasIt =?= undefined || HasIt == "yes"'), kind(9, cpus=2))
    seen = Snapshot(NOW_S, kinds, (slot("s", 2, 4000),), (cluster(waiting=1, max_idle=1),), 1e6)
    plan = choose(wanted, kinds, slots=seen.slots, clusters=seen.clusters)
    again = through_json(Record(seen, {}, {}, Memory(), decision_of(plan))).seen
    replayed = choose(wanted, again.kinds, slots=again.slots, clusters=again.clusters)
    assert replayed.requests == plan.requests
    assert [one.asked for one in replayed.fates] == [one.asked for one in plan.fates]


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        (None, "is no record of a cycle"),
        ([], "is no record of a cycle"),
        ({"schema": 2, "now_s": 1}, "is no record of a cycle"),
        ({"record": 99}, "is a record of form 99, not of form 1"),
        ({"record": 1}, "is damaged: KeyError: 'seen'"),
    ],
)
def test_what_is_no_record_says_so(document: object, complaint: str) -> None:
    with pytest.raises(UnreadableError, match=complaint):
        record_of(document)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("now_s", "soon"),
        ("now_s", None),
        ("kinds", [{"signature": "s"}]),
        ("clusters", {}),
        ("collector_age_s", "old"),
        ("failed", [3]),
    ],
)
def test_a_damaged_part_is_no_default(name: str, value: object) -> None:
    document = document_of(Record(Snapshot(1.0), {}, {}, Memory(), Decision()))
    document["seen"][name] = value
    with pytest.raises(UnreadableError, match="is damaged: TypeError"):
        record_of(document)


def test_a_damaged_ad_is_told() -> None:
    seen = Snapshot(1.0, (kind(1),))
    document = document_of(Record(seen, {}, {}, Memory(), Decision()))
    document["seen"]["kinds"][0]["ad"] = "[ a = "
    with pytest.raises(UnreadableError, match="is damaged: ClassAdException"):
        record_of(document)


def test_records_outlive_small_changes_of_the_types() -> None:
    document = plain(Snapshot(1.0, failed=("slots",)))
    del document["unheard"]
    assert built(Snapshot, document | {"new": 3}) == Snapshot(1.0, failed=("slots",))
