# SPDX-License-Identifier: Apache-2.0
"""One look at the world: a fixed number of queries, and a failed one is never "nothing there"."""

from typing import Any

import classad2
import htcondor2
import pytest

from condor_plugins.core.plan import Memory
from condor_plugins.core.snapshot import Snapshot
from condor_plugins.pool.observing import observe
from tests.core.building import NOW_S, entry, expression, group, policy
from tests.pool.fakes import Call, Pool, Queue, collector_of, recorded, schedd_of


def job(number: int, **more: object) -> classad2.ClassAd:
    ad = classad2.ClassAd({
        "ClusterId": 5,
        "ProcId": number,
        "JobStatus": 1,
        "JobUniverse": 5,
        "Owner": "alice",
        "RequestCpus": 2,
        "RequestDisk": 10_240,
        "Base": 500,
        "Unimportant": number,
    })
    ad["RequestMemory"] = expression("Base * 2")
    ad["Requirements"] = expression("TARGET.HasCVMFS && Needs")
    ad["Needs"] = expression("Deeper > 1")
    ad["Deeper"] = 2
    for name, value in more.items():
        ad[name] = value
    return ad


def pilot(cluster: int, number: int | None, **more: object) -> classad2.ClassAd:
    """A pilot, or without a number the cluster's own ad."""
    values: dict[str, object] = {
        "ClusterId": cluster,
        "Owner": "glidein",
        "JobUniverse": 9,
        "GlideinEntry": "A",
        "GlideinGroup": "everyone",
        "GlideinRequester": "ap",
        "GlideinDigest": "d1",
        "JobMaterializeMaxIdle": 2,
        "JobMaterializeLimit": 9,
    }
    own: dict[str, object] = {} if number is None else {"ProcId": number}
    return classad2.ClassAd(values | own | more)


def slot(pilot_name: str = "ap-7.0", **more: object) -> classad2.ClassAd:
    (ad,) = recorded("glidein-slot.ad")
    for name, value in ({"GLIDEIN_Pilot": pilot_name, "Cpus": 4} | more).items():
        ad[name] = value
    return ad


def look(queue: Queue, pool: Pool, **changes: Any) -> tuple[Snapshot, int]:
    """What was seen, and the number of queries it took."""
    schedd, collector = schedd_of(queue), collector_of(pool)
    wanted = policy([entry(start="TARGET.Project isnt undefined")], [group(jobs="Big =!= true")])
    before = Memory(at_s=changes.pop("since_s", 0.0))
    seen = observe(schedd, collector, wanted._replace(**changes), float(NOW_S), before)
    assert schedd.queries + collector.queries == len(queue.calls) + len(pool.calls)
    return seen, schedd.queries + collector.queries


def busy() -> Queue:
    """Two kinds of jobs; one pilot of each state, and a cluster of another account."""
    jobs = [job(number) for number in range(6)] + [job(9, Project="x"), job(10, JobStatus=2)]
    states = [
        pilot(7, 0, JobStatus=2, EnteredCurrentStatus=NOW_S - 9000),
        pilot(7, 1, JobStatus=2, EnteredCurrentStatus=NOW_S - 9000),
        pilot(7, 2, JobStatus=2, EnteredCurrentStatus=NOW_S - 20),
        pilot(7, 3, JobStatus=1),
        pilot(7, 4, JobStatus=5, HoldReason="no partition"),
        pilot(7, 5, JobStatus=3),
    ]
    return Queue([*jobs, *states, pilot(7, None), pilot(8, None, Owner="mallory")])


def own_ad() -> list[classad2.ClassAd]:
    return recorded("collector.ad")


def test_idle_jobs_come_as_kinds_by_what_decides_their_match() -> None:
    seen, _ = look(busy(), Pool([slot()], own_ad()))
    assert seen.failed == ()
    assert sorted(kind.count for kind in seen.kinds) == [1, 6]
    ads = [kind.ad for kind in seen.kinds]
    assert all({"Needs", "Deeper", "Base"} <= set(ad) for ad in ads)
    assert not any("Unimportant" in ad for ad in ads)


def test_pilots_are_counted_by_state_and_put_together_with_their_glideins() -> None:
    seen, _ = look(busy(), Pool([slot("ap-7.0")], own_ad()))
    (one,) = seen.clusters
    assert (one.waiting, one.running, one.held, one.leaving) == (1, 3, 1, 1)
    assert (one.starting, one.lost, one.present) == (1, 1, 6)
    assert (one.max_idle, one.most, one.digest) == (2, 9, "d1")
    assert one.hold_reasons == (("no partition", 1),)


def test_a_glidein_of_another_schedd_is_not_taken_for_ours() -> None:
    seen, _ = look(busy(), Pool([slot("ap2-7.0")], own_ad()))
    assert seen.clusters[0].lost == 2


def test_a_slot_that_outlived_its_pilot_is_no_supply() -> None:
    """Pilots 7.5 (removed) and 7.77 (gone) were killed: their ads are still in the collector."""
    slots = [slot("ap-7.0"), slot("ap-7.5"), slot("ap-7.77"), slot("ap2-7.77"), slot("")]
    seen, _ = look(busy(), Pool(slots, own_ad()))
    assert [one.pilot for one in seen.slots] == ["ap-7.0", "ap2-7.77", ""]


def test_slots_stay_when_the_pilots_are_not_known() -> None:
    queue = busy()
    queue.refuses = "ProcId is undefined"
    seen, _ = look(queue, Pool([slot("ap-7.77")], own_ad()))
    assert len(seen.slots) == 1


def test_a_removed_cluster_that_the_schedd_still_keeps_is_not_there() -> None:
    queue = busy()
    queue.ads += [pilot(9, None, JobFactoryPaused=3), pilot(10, None, JobFactoryPaused=1)]
    seen, _ = look(queue, Pool([], own_ad()))
    assert [(one.cluster, one.on_hold) for one in seen.clusters] == [(7, False), (10, True)]


@pytest.mark.parametrize("paused", [2, -1])
def test_a_cluster_that_can_make_no_more_pilots_is_outdated(paused: int) -> None:
    seen, _ = look(Queue([pilot(9, None, JobFactoryPaused=paused)]), Pool([], own_ad()))
    assert [one.digest for one in seen.clusters] == [""]


def test_slots_come_with_what_the_jobs_and_their_own_start_look_at() -> None:
    own = slot(HasCVMFS=True, GLIDEIN_Extra=5)
    own["Start"] = expression("GLIDEIN_Extra > 3 && TARGET.RequestCpus <= Cpus")
    seen, _ = look(busy(), Pool([own], own_ad()))
    assert seen.slots[0].ad["HasCVMFS"] is True
    assert seen.slots[0].ad["GLIDEIN_Extra"] == 5


def test_slots_that_take_no_more_jobs_are_left_out() -> None:
    others = [
        slot(SlotType="Dynamic", PartitionableSlot=False, State="Claimed"),
        slot(SlotType="Static", PartitionableSlot=False, State="Claimed"),
    ]
    static = slot(SlotType="Static", PartitionableSlot=False, State="Unclaimed")
    seen, _ = look(busy(), Pool([*others, static, slot()], own_ad()))
    assert len(seen.slots) == 2


def test_the_age_of_the_collector() -> None:
    seen, _ = look(Queue(), Pool([], own_ad()))
    (ad,) = own_ad()
    assert seen.collector_age_s == NOW_S - (ad["StatsLastUpdateTime"] - ad["StatsLifetime"])


def test_a_collector_of_the_first_second_is_no_empty_pool() -> None:
    seen, _ = look(busy(), Pool([], []))
    assert seen.failed == ("the collector has no ad of itself yet: it has just started",)


@pytest.mark.parametrize("times", [1, 50])
def test_the_number_of_queries_depends_on_nothing(times: int) -> None:
    """Kinds, slots, the collector; pilot clusters, pilots, hold reasons; ended pilots."""
    jobs = [job(n, Project=f"p{n}", RequestCpus=1 + n % 7) for n in range(10 * times)]
    pilots = [
        pilot(c, n, JobStatus=n % 5 + 1, EnteredCurrentStatus=NOW_S)
        for c in range(100, 100 + times)
        for n in range(10)
    ]
    clusters = [pilot(c, None) for c in range(100, 100 + times)]
    slots = [slot(f"ap-{100 + n}.1") for n in range(times)]
    queue, pool = Queue([*jobs, *pilots, *clusters]), Pool(slots, own_ad())
    seen, queries = look(queue, pool, since_s=NOW_S - 60.0)
    assert (len(seen.kinds), len(seen.slots)) == (10 * times, times)
    assert queries == 7


def test_an_empty_pool_takes_the_least() -> None:
    """Kinds, whether jobs run, slots, clusters, the collector; no pilot is there."""
    _, queries = look(Queue(), Pool([], own_ad()))
    assert queries == 5


def test_a_groupby_constraint_looks_at_projected_attributes_only() -> None:
    """Else the schedd answers no rows and no error."""
    queue = busy()
    look(queue, Pool([slot()], own_ad()))
    (grouped,) = [call for call in queue.calls if call.opts == htcondor2.QueryOpts.GroupBy]
    assert _unseen(grouped) == set()
    assert not any("" in call.projection for call in queue.calls)


def _unseen(call: Call) -> set[str]:
    refs = classad2.ClassAd().externalRefs(classad2.ExprTree(call.constraint))
    return {ref.lower() for ref in refs} - {name.lower() for name in call.projection}


@pytest.mark.parametrize(
    ("refuses", "what"),
    [
        ("JobUniverse == 5", "idle jobs"),
        ("ProcId is undefined", "pilot clusters"),
        ("JobStatus == 5", "held pilots"),
    ],
)
def test_a_query_without_an_answer_is_told_and_the_others_are_used(refuses: str, what: str) -> None:
    queue = busy()
    queue.refuses = refuses
    seen, _ = look(queue, Pool([slot()], own_ad()))
    assert seen.failed == (f"{what}: Failed to fetch ads from the schedd",)
    assert len(seen.slots) == 1


def test_a_collector_without_an_answer_is_told() -> None:
    seen, _ = look(busy(), Pool(broken=True))
    assert [text.partition(":")[0] for text in seen.failed] == ["slots", "collector's own ad"]
    assert len(seen.kinds) == 2
