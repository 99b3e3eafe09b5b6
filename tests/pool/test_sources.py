# SPDX-License-Identifier: Apache-2.0
"""Demand of several schedds, pilots in several factories; one without an answer is named."""

from typing import Any

import classad2
import htcondor2
import pytest

from condor_plugins.core.plan import Memory
from condor_plugins.core.snapshot import Snapshot
from condor_plugins.pool.observing import observe
from condor_plugins.pool.schedd import Schedd
from tests.core.building import NOW_S, entry, policy, settings
from tests.pool.fakes import Pool, Queue, collector_of, recorded, schedd_of
from tests.pool.test_observing import job, pilot, slot


def network(queues: dict[str, Queue], requester: str = "ap") -> Schedd:
    """Our schedd, from which the others are reached by name."""
    local = schedd_of(queues["ap"], "ap")
    for name in queues.keys() - {"ap"}:
        other = schedd_of(queues[name], name)
        other.requester = requester
        local._others[name] = other
    return local


def look(
    queues: dict[str, Queue], schedds: str = "", before: Memory | None = None, **entry_changes: Any
) -> Snapshot:
    wanted = policy([entry(**entry_changes)])
    wanted = wanted._replace(settings=settings(schedds=tuple(schedds.split())))
    pool = Pool([slot("ap-7.0"), slot("far-7.1"), slot("far-9.1")], recorded("collector.ad"))
    return observe(network(queues), collector_of(pool), wanted, float(NOW_S), before)


def test_kinds_that_are_alike_in_several_schedds_are_added_up() -> None:
    queues = {
        "ap": Queue([job(0), job(1)]),
        "far": Queue([job(0), job(1), job(2), job(3, RequestCpus=7)]),
    }
    counts = {(one.count, one.example) for one in look(queues, "ap far").kinds}
    assert counts == {(5, "1.0"), (1, "1.0@far")}
    assert [one.count for one in look(queues).kinds] == [2]
    assert {one.example for one in look(queues, "far").kinds} == {"1.0@far"}


def test_a_source_without_an_answer_is_named_and_the_others_are_used() -> None:
    queues = {"ap": Queue([job(0)]), "far": Queue(refuses="JobUniverse == 5")}
    seen = look(queues, "far ap")
    assert seen.failed == ("idle jobs: Failed to fetch ads from the schedd (far)",)
    assert [one.count for one in seen.kinds] == [1]


def test_a_schedd_that_nobody_knows_is_no_empty_one(monkeypatch: pytest.MonkeyPatch) -> None:
    class Nowhere:
        def locate(self, kind: object, name: str) -> None:
            raise htcondor2.HTCondorException(f"no {name}")

    monkeypatch.setattr("condor_plugins.pool.schedd.htcondor2.Collector", Nowhere)
    assert look({"ap": Queue([job(0)])}, "ap gone").failed == ("schedd gone: no gone (gone)",)


def test_all_is_every_schedd_that_takes_vanilla_jobs() -> None:
    ads = [
        classad2.ClassAd({"Name": name, "MaxJobsRunning": most})
        for name, most in (("b", 10), ("factory", 0), ("a", 5))
    ]
    assert collector_of(Pool(own=ads)).schedds() == ["a", "b"]


def test_pilots_are_looked_for_in_the_factory_of_each_entry() -> None:
    theirs = {"Owner": "glidein", "GlideinRequester": "other"}
    queues = {
        "ap": Queue([pilot(7, None), pilot(7, 0, JobStatus=1, EnteredCurrentStatus=NOW_S)]),
        "far": Queue([
            pilot(7, None),
            pilot(7, 1, JobStatus=2, EnteredCurrentStatus=NOW_S),
            pilot(8, None, **theirs),
            pilot(8, 0, JobStatus=1, EnteredCurrentStatus=NOW_S, **theirs),
        ]),
    }
    seen = look(queues, factory="far")
    assert [(one.cluster, one.factory, one.running) for one in seen.clusters] == [
        (7, "", 0),
        (7, "far", 1),
    ]
    assert [one.cluster for one in look(queues).clusters if one.factory] == []
    # far-9.1 is nobody's any more; glideins of the other requester's pilots stay.
    assert [one.pilot for one in seen.slots] == ["ap-7.0", "far-7.1"]


def test_a_factory_without_an_answer_is_named() -> None:
    queues = {"ap": Queue(), "far": Queue(refuses="ProcId is undefined")}
    seen = look(queues, factory="far")
    assert seen.failed == ("pilot clusters: Failed to fetch ads from the schedd (far)",)


def test_pilots_by_account_are_counted_without_clusters() -> None:
    ads = [pilot(7, None), pilot(7, 0), pilot(7, 1), pilot(8, 0, Owner="b"), job(1)]
    assert schedd_of(Queue(ads)).pilots_by_account() == {"glidein": 2, "b": 1}


def test_a_factory_that_no_entry_names_any_more_is_still_looked_at() -> None:
    """Its clusters would go on for ever; if it is silent, that stops nobody."""
    before = Memory(factories=("far",))
    queues = {"ap": Queue(), "far": Queue([pilot(9, None), pilot(9, 1, JobStatus=2)])}
    assert [one.factory for one in look(queues, before=before).clusters] == ["far"]
    queues["far"] = Queue(refuses="GlideinEntry")
    seen = look(queues, before=before)
    assert (seen.failed, [text.endswith("(far)") for text in seen.unheard]) == ((), [True])
