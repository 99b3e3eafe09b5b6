# SPDX-License-Identifier: Apache-2.0
"""When pilots were made, when they started and how they ended, as the schedd tells it."""

import classad2

from condor_plugins.core.snapshot import End, PilotCluster, Start
from tests.core.building import NOW_S
from tests.pool.fakes import Pool, Queue
from tests.pool.test_observing import look, own_ad, pilot

# What a real schedd gives all pilots of a cluster: the time at which the cluster was submitted.
OLD_S = NOW_S - 500_000


def made(number: int, ago_s: int, **more: object) -> classad2.ClassAd:
    """A pilot made so long ago, waiting unless `more` says otherwise."""
    own: dict[str, object] = {"JobMaterializeDate": NOW_S - ago_s, "QDate": OLD_S}
    return pilot(7, number, **{"JobStatus": 1, "EnteredCurrentStatus": OLD_S} | own | more)


def running(number: int, ago_s: int, waited_s: int) -> classad2.ClassAd:
    state = {"JobStatus": 2, "EnteredCurrentStatus": NOW_S - ago_s}
    return made(number, ago_s + waited_s, **state)


def one(*pilots: classad2.ClassAd) -> PilotCluster:
    seen, _ = look(Queue([pilot(7, None), *pilots]), Pool([], own_ad()))
    (found,) = seen.clusters
    return found


def test_a_pilot_waits_since_it_was_made_not_since_its_cluster_was() -> None:
    assert one(made(0, 30), made(1, 700), made(2, 5)).longest_wait_s == 700
    assert one(running(0, 900, 10)).longest_wait_s == 0


def test_a_released_pilot_waits_since_its_release() -> None:
    assert one(made(0, 7000, EnteredCurrentStatus=NOW_S - 40)).longest_wait_s == 40


def test_what_was_made_in_the_last_minute() -> None:
    states = [made(0, 49), made(1, 51), running(2, 10, 20), made(3, 5, JobStatus=5)]
    assert one(*states).submitted == 3


def test_the_newest_starts_come_first_and_not_all() -> None:
    cluster = one(*(running(number, 1000 - number, number) for number in range(50)))
    assert cluster.starts[:2] == (Start(NOW_S - 951, 49), Start(NOW_S - 952, 48))
    assert len(cluster.starts) == 20


def test_a_pilot_without_that_time_teaches_nothing() -> None:
    cluster = one(pilot(7, 0, JobStatus=2, EnteredCurrentStatus=NOW_S))
    assert (cluster.starts, cluster.submitted, cluster.longest_wait_s) == ((), 0, 0)


def past(ago_s: int, **more: object) -> classad2.ClassAd:
    """A job in the history: a pilot that ran for 200 s, unless `more` says otherwise."""
    done = {"JobStatus": 4, "CompletionDate": NOW_S - ago_s}
    return pilot(7, ago_s, **done | {"JobCurrentStartDate": NOW_S - ago_s - 200} | more)


def job(ago_s: int, **more: object) -> classad2.ClassAd:
    done = {"Owner": "alice", "JobStatus": 4, "CompletionDate": NOW_S - ago_s}
    return classad2.ClassAd(done | more)


def ended(*history: classad2.ClassAd, since_s: float = 60.5) -> tuple[tuple[End, ...], int]:
    """What ended since so long ago, and how much of the history was read for it."""
    queue = Queue([pilot(7, None)], past=list(history))
    seen, _ = look(queue, Pool([], own_ad()), since_s=NOW_S - since_s)
    assert seen.unheard == seen.failed == ()
    return seen.ended, queue.read


def test_pilots_that_ended_by_themselves() -> None:
    found, _ = ended(past(5), job(6), past(7, JobStatus=3), past(8, Owner="bob"), past(30))
    assert found == (
        End("everyone", "A", NOW_S - 5, 200),
        End("everyone", "A", NOW_S - 30, 200),
    )


def test_one_that_nobody_saw_running_ran_for_no_time() -> None:
    unseen, undefined = past(5), past(5, JobCurrentStartDate=classad2.ExprTree("undefined"))
    del unseen["JobCurrentStartDate"]
    assert [end.ran_s for end in ended(unseen, undefined)[0]] == [0, 0]


def test_each_end_is_seen_by_one_of_two_looks() -> None:
    """Whole seconds in the history, parts of seconds between two looks."""
    all_of_it = [past(n) for n in range(100)]
    first, _ = ended(*all_of_it, since_s=40.5)
    before = [ad for ad in all_of_it if ad["CompletionDate"] < NOW_S]
    assert [end.ended_s for end in first] == [ad["CompletionDate"] for ad in before[:41]]
    again, _ = ended(*all_of_it, since_s=1)
    assert [end.ended_s for end in again] == [NOW_S - 1]


def test_history_is_read_as_far_back_as_needed() -> None:
    assert ended(past(5), job(6), past(70), past(80))[1] == 2
    assert ended(past(5), job(3000), past(30), past(100))[1] == 3
    assert ended(job(5), job(4000), job(5000))[1] == 1
    assert ended(job(5), job(9000, StageInFinish=1), past(30), past(100))[1] == 3


def test_a_long_sleep_is_no_reason_to_read_it_all() -> None:
    found, read = ended(past(5), past(3500), past(3700), past(3800), since_s=1_000_000)
    assert (len(found), read) == (2, 2)
    assert len(ended(*(past(n) for n in range(1, 900)), since_s=3000)[0]) == 200


def test_no_history_is_no_reason_to_stop() -> None:
    queue = Queue([pilot(7, None)], refuses="CompletionDate")
    seen, _ = look(queue, Pool([], own_ad()), since_s=NOW_S - 60)
    assert seen.unheard == ("history of pilots: Failed to receive history ad",)
    assert (seen.failed, seen.ended, len(seen.clusters)) == ((), (), 1)


def test_it_is_not_asked_without_a_look_before_or_without_pilots() -> None:
    assert look(Queue([pilot(7, None)]), Pool([], own_ad()))[1] == 6
    assert look(Queue(), Pool([], own_ad()), since_s=NOW_S - 60)[1] == 5
