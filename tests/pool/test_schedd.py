# SPDX-License-Identifier: Apache-2.0
"""What is asked of a schedd and done to it, word by word."""

from typing import Any

import classad2
import htcondor2
import pytest

from condor_plugins.core.errors import TryAgain
from condor_plugins.pool.schedd import Schedd
from tests.pool.fakes import Queue, schedd_of


class Acting(Queue):
    """A queue that remembers what is done to it."""

    done: list[tuple[Any, ...]]

    def act(self, action: Any, where: str, reason: Any) -> classad2.ClassAd:
        self.done = [*getattr(self, "done", []), (action, where, reason)]
        return classad2.ClassAd({"TotalSuccess": 2})

    def edit(self, *arguments: Any) -> None:
        self.done = [*getattr(self, "done", []), arguments]

    def submit(self, description: Any) -> Any:
        self.done = [*getattr(self, "done", []), (str(description),)]
        raise htcondor2.HTCondorException("no\nsuch  queue")


@pytest.fixture
def queue() -> Acting:
    return Acting()


@pytest.fixture
def schedd(queue: Acting) -> Schedd:
    return schedd_of(queue)


def test_removals_never_match_the_cluster_itself(queue: Acting, schedd: Schedd) -> None:
    """Without ProcId >= 0 the whole pilot cluster would be gone, running pilots included."""
    assert schedd.remove_pilots(7, [3, 1], "surplus") == 2
    assert schedd.remove_held(7, "changed") == 2
    cluster = classad2.ClassAd({"ClusterId": 7, "JobStatus": 1})
    held = classad2.ClassAd({"ClusterId": 7, "JobStatus": 5})
    for (_, where, _), ad in zip(queue.done, (cluster, held), strict=True):
        assert classad2.ExprTree(where).eval(ad) is not True


def test_only_pilots_that_still_wait_are_removed(queue: Acting, schedd: Schedd) -> None:
    schedd.remove_pilots(7, [3, 1], "surplus")
    ((_, where, reason),) = queue.done
    gone = [
        (proc, status)
        for proc in range(5)
        for status in (1, 2, 5)
        if _holds(where, ClusterId=7, ProcId=proc, JobStatus=status)
    ]
    assert gone == [(1, 1), (3, 1)]
    assert not _holds(where, ClusterId=8, ProcId=1, JobStatus=1)
    assert reason == ("surplus", 0)


def _holds(where: str, **ad: int) -> bool:
    return classad2.ExprTree(where).eval(classad2.ClassAd(ad)) is True


def test_an_edit_reaches_the_cluster_s_own_ad_only(queue: Acting, schedd: Schedd) -> None:
    schedd.edit_cluster(7, "JobMaterializeMaxIdle", "0")
    ((where, name, value, flag),) = queue.done
    assert _holds(where, ClusterId=7)
    assert not _holds(where, ClusterId=7, ProcId=0)
    assert (name, value, int(flag)) == ("JobMaterializeMaxIdle", "0", 128)


def test_a_submit_carries_what_steers_it(queue: Acting, schedd: Schedd) -> None:
    with pytest.raises(TryAgain, match="submit: no such queue"):
        schedd.submit({"universe": "grid", "MY.GlideinEntry": '"A"'}, 3, 8)
    ((text,),) = queue.done
    assert "max_idle = 3" in text
    assert "max_materialize = 8" in text
    assert "queue 1000000" in text


def test_an_owner_cannot_change_the_constraint(queue: Acting, schedd: Schedd) -> None:
    schedd.pilot_clusters('x" || true || "', ["ClusterId"])
    (call,) = queue.calls
    everyone = classad2.ClassAd({"Owner": "alice", "GlideinEntry": "A"})
    assert classad2.ExprTree(call.constraint).eval(everyone) is False


def test_waiting_pilots_come_newest_first() -> None:
    ads = [
        classad2.ClassAd({"ClusterId": 7, "ProcId": n, "JobStatus": 1 + (n == 2)})
        for n in (1, 3, 2, 0)
    ]
    assert schedd_of(Queue(ads)).waiting_pilots(7) == [3, 1, 0]
