# SPDX-License-Identifier: Apache-2.0
"""Actions are carried out one by one; one that fails never stops another pair's."""

from dataclasses import dataclass, field
from typing import Any, cast

from condor_plugins.core.errors import TryAgain
from condor_plugins.core.pilot_job import PilotJob
from condor_plugins.core.plan import (
    Action,
    Edit,
    RemoveCluster,
    RemoveHeld,
    RemoveWaiting,
    Submit,
)
from condor_plugins.core.snapshot import PilotCluster
from condor_plugins.pool.schedd import Schedd
from condor_plugins.provisioner.acting import Actor, Outcome, places

JOBS = {("g", "A"): PilotJob({"universe": "grid"}), ("g", "B"): PilotJob({"universe": "grid"})}
NOTES = (("GlideinWanted", "3"), ("GlideinLimit", '""'))


@dataclass
class FakeSchedd:
    """Remembers what it is told; raises TryAgain for the words in `refuses`."""

    refuses: str = "nothing"
    waiting: tuple[int, ...] = (5, 4, 3)
    done: list[tuple[Any, ...]] = field(default_factory=list)
    name: str = "ap"
    others: dict[str, "FakeSchedd"] = field(default_factory=dict)

    def at(self, name: str) -> "FakeSchedd":
        return self.others[name] if name else self

    def submit(self, commands: dict[str, str], max_idle: int, most: int) -> int:
        self._note("submit", commands, max_idle, most)
        return 12

    def edit_cluster(self, cluster: int, name: str, value: str) -> None:
        self._note("edit", cluster, name, value)

    def waiting_pilots(self, cluster: int) -> list[int]:
        return list(self.waiting)

    def remove_pilots(self, cluster: int, processes: list[int], reason: str) -> int:
        self._note("remove", cluster, processes, reason)
        return len(processes)

    def remove_held(self, cluster: int, reason: str) -> int:
        self._note("remove held", cluster, reason)
        return 2

    def remove_cluster(self, cluster: int, reason: str) -> int:
        self._note("remove cluster", cluster, reason)
        return 1

    def _note(self, what: str, *details: Any) -> None:
        if self.refuses in (what, *details):
            raise TryAgain(f"{what}: no answer")
        self.done.append((what, *details))


def act(
    schedd: FakeSchedd, *actions: Action, joined: frozenset[str] = frozenset()
) -> list[Outcome]:
    where = places(PilotCluster(n, "g", e, "d1", 1, 1) for n in (5, 6, 7, 8) for e in "AB")
    return Actor(cast("Schedd", schedd), JOBS, joined, where).act(actions)


def test_a_submit_carries_the_job_the_notes_and_the_digest() -> None:
    schedd = FakeSchedd()
    outcomes = act(schedd, Submit("g", "A", "d1", 3, 8, NOTES))
    commands = {
        "universe": "grid",
        "MY.GlideinWanted": "3",
        "MY.GlideinLimit": '""',
        "MY.GlideinDigest": '"d1"',
    }
    assert schedd.done == [("submit", commands, 3, 8)]
    assert str(outcomes[0]) == "g at A: submitted cluster 12: 3 pilots waiting"


def test_every_sort_of_action_is_carried_out_in_order() -> None:
    schedd = FakeSchedd()
    act(
        schedd,
        Edit(7, "g", "A", (("JobMaterializeLimit", "8"), ("JobMaterializeMaxIdle", "3"))),
        RemoveWaiting(7, "g", "A", 2, "surplus"),
        RemoveHeld(6, "g", "A", "changed"),
        RemoveCluster(5, "g", "A", "changed"),
    )
    assert schedd.done == [
        ("edit", 7, "JobMaterializeLimit", "8"),
        ("edit", 7, "JobMaterializeMaxIdle", "3"),
        ("remove", 7, [5, 4], "surplus"),
        ("remove held", 6, "changed"),
        ("remove cluster", 5, "changed"),
    ]


def test_one_that_fails_does_not_stop_another_pair_s() -> None:
    schedd = FakeSchedd(refuses="submit")
    outcomes = act(
        schedd,
        Submit("g", "A", "d1", 3, 8, NOTES),
        Edit(8, "g", "B", (("JobMaterializeMaxIdle", "0"),)),
    )
    assert [one.failed for one in outcomes] == ["Submit: submit: no answer", ""]
    assert schedd.done == [("edit", 8, "JobMaterializeMaxIdle", "0")]


def test_its_own_later_actions_wait_for_the_next_cycle() -> None:
    """Waiting pilots are not removed while the schedd would make new ones in their place."""
    schedd = FakeSchedd(refuses="JobMaterializeMaxIdle")
    outcomes = act(
        schedd,
        Edit(7, "g", "A", (("JobMaterializeMaxIdle", "0"),)),
        RemoveWaiting(7, "g", "A", 2, "surplus"),
        RemoveWaiting(8, "g", "B", 1, "surplus"),
    )
    assert [(one.entry, bool(one.failed)) for one in outcomes] == [("A", True), ("B", False)]
    assert schedd.done == [("remove", 8, [5], "surplus")]


def test_a_pilot_in_the_collector_has_started_whatever_the_queue_says() -> None:
    schedd = FakeSchedd()
    act(schedd, RemoveWaiting(7, "g", "A", 2, "surplus"), joined=frozenset({"ap-7.5", "ap-8.4"}))
    assert schedd.done == [("remove", 7, [4, 3], "surplus")]


def test_nothing_is_removed_when_nothing_waits_any_more() -> None:
    schedd = FakeSchedd(waiting=())
    outcomes = act(schedd, RemoveWaiting(7, "g", "A", 2, "surplus"))
    assert (schedd.done, outcomes[0].done) == ([], "cluster 7: no waiting pilot left to remove")


def test_each_cluster_is_changed_in_the_factory_where_it_was_seen() -> None:
    """Both factories have a cluster 7; the pilots of one are not taken for the other's."""
    far = FakeSchedd(name="far")
    near = FakeSchedd(others={"far": far})
    clusters = [
        PilotCluster(7, "g", "A", "d1", 1, 1),
        PilotCluster(7, "g", "B", "d1", 1, 1, factory="far"),
    ]
    jobs = JOBS | {("g", "B"): PilotJob({"universe": "grid"}, "far")}
    joined = frozenset({"far-7.5", "ap-7.4"})
    Actor(cast("Schedd", near), jobs, joined, places(clusters)).act([
        RemoveWaiting(7, "g", "A", 1, "surplus"),
        RemoveWaiting(7, "g", "B", 1, "surplus"),
        Submit("g", "B", "d2", 3, 8, ()),
    ])
    assert near.done == [("remove", 7, [5], "surplus")]
    assert [what[:3] for what in far.done] == [
        ("remove", 7, [4]),
        ("submit", {"universe": "grid", "MY.GlideinDigest": '"d2"'}, 3),
    ]


def test_a_cluster_whose_factory_is_not_certain_is_left_alone() -> None:
    schedd = FakeSchedd()
    moved = [PilotCluster(7, "g", "A", "d1", 1, 1, factory=name) for name in ("", "far")]
    actor = Actor(cast("Schedd", schedd), JOBS, frozenset(), places(moved))
    (outcome,) = actor.act([RemoveCluster(7, "g", "A", "changed")])
    assert (schedd.done, outcome.failed) == (
        [],
        "RemoveCluster: cluster 7 is in 2 factories, not in one",
    )
