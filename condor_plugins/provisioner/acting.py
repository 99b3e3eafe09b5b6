# SPDX-License-Identifier: Apache-2.0
"""Carry out a plan, one action at a time: one that fails is reported and never stops another."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from condor_plugins.core.errors import GiveUp, TryAgain
from condor_plugins.core.limit_rows import Pair
from condor_plugins.core.pilot_job import PilotJob, pilot_prefix
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


class Outcome(NamedTuple):
    """What became of one action."""

    group: str
    entry: str
    done: str
    failed: str = ""

    def __str__(self) -> str:
        return f"{self.group} at {self.entry}: {self.failed or self.done}"


Cluster = tuple[int, str, str]  # number, group, entry


def places(clusters: Iterable[PilotCluster]) -> Mapping[Cluster, frozenset[str]]:
    """The factories in which pilot clusters are: one, unless an entry has moved between two."""
    found: dict[Cluster, frozenset[str]] = {}
    for one in clusters:
        key = (one.cluster, one.group, one.entry)
        found[key] = found.get(key, frozenset()) | {one.factory}
    return found


class Actor:
    """Acts on the schedds that hold the pilots: each entry's factory, by way of the local one.

    `joined`: names of the pilots that are in the collector.
    """

    def __init__(
        self,
        schedd: Schedd,
        jobs: Mapping[Pair, PilotJob],
        joined: frozenset[str],
        where: Mapping[Cluster, frozenset[str]],
    ) -> None:
        self.schedd = schedd
        self.jobs = jobs
        self.joined = joined
        self.where = where

    def act(self, actions: Iterable[Action]) -> list[Outcome]:
        """All in order; once a request fails, its later actions are left for the next cycle."""
        outcomes: list[Outcome] = []
        given_up: set[Pair] = set()
        for action in actions:
            pair = action.group, action.entry
            if pair in given_up:
                continue
            try:
                outcomes.append(Outcome(*pair, self._do(action)))
            except (TryAgain, GiveUp) as err:
                given_up.add(pair)
                outcomes.append(Outcome(*pair, "", f"{type(action).__name__}: {err}"))
        return outcomes

    def _do(self, action: Action) -> str:
        match action:
            case Submit():
                return self._submit(action)
            case Edit(cluster, changes=changes):
                schedd = self._schedd_of(action)
                for name, value in changes:
                    schedd.edit_cluster(cluster, name, value)
                return f"cluster {cluster}: " + ", ".join(f"{n} = {v}" for n, v in changes)
            case RemoveWaiting():
                return self._remove_waiting(action)
            case RemoveHeld(cluster, reason=reason):
                gone = self._schedd_of(action).remove_held(cluster, reason)
                return f"cluster {cluster}: removed {gone} held pilots ({reason})"
            case RemoveCluster(cluster, reason=reason):
                self._schedd_of(action).remove_cluster(cluster, reason)
                return f"removed cluster {cluster} ({reason})"

    def _schedd_of(self, action: Edit | RemoveWaiting | RemoveHeld | RemoveCluster) -> Schedd:
        """Where the cluster was seen; two factories may have used one number."""
        key = (action.cluster, action.group, action.entry)
        names = self.where.get(key, frozenset())
        if len(names) != 1:
            raise GiveUp(f"cluster {action.cluster} is in {len(names)} factories, not in one")
        return self.schedd.at(*names)

    def _submit(self, action: Submit) -> str:
        job = self.jobs[action.group, action.entry]
        notes = {f"MY.{name}": value for name, value in action.notes}
        commands: dict[str, Any] = {
            **job.commands,
            **notes,
            "MY.GlideinDigest": f'"{action.digest}"',
        }
        schedd = self.schedd.at(job.factory)
        cluster = schedd.submit(commands, action.max_idle, action.most)
        return f"submitted cluster {cluster}: {action.max_idle} pilots waiting"

    def _remove_waiting(self, action: RemoveWaiting) -> str:
        """The newest first; one that is in the collector has started, whatever the queue says."""
        schedd = self._schedd_of(action)
        waiting = schedd.waiting_pilots(action.cluster)
        prefix = f"{pilot_prefix(schedd.name)}{action.cluster}."
        idle = [p for p in waiting if f"{prefix}{p}" not in self.joined]
        chosen = idle[: action.pilots]
        if not chosen:
            return f"cluster {action.cluster}: no waiting pilot left to remove"
        gone = schedd.remove_pilots(action.cluster, chosen, action.reason)
        return f"cluster {action.cluster}: removed {gone} waiting pilots ({action.reason})"
