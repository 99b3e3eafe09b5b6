# SPDX-License-Identifier: Apache-2.0
"""Carry out a plan, one action at a time: one that fails is reported and never stops another."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from condor_plugins.core.errors import GiveUp, TryAgain
from condor_plugins.core.limit_rows import Pair
from condor_plugins.core.pilot_job import PilotJob
from condor_plugins.core.plan import (
    Action,
    Edit,
    RemoveCluster,
    RemoveHeld,
    RemoveWaiting,
    Submit,
)
from condor_plugins.pool.schedd import Schedd


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one action."""

    group: str
    entry: str
    done: str
    failed: str = ""

    def __str__(self) -> str:
        return f"{self.group} at {self.entry}: {self.failed or self.done}"


class Actor:
    """Acts on one schedd."""

    def __init__(
        self, schedd: Schedd, jobs: Mapping[Pair, PilotJob], joined: frozenset[str]
    ) -> None:
        self.schedd = schedd
        self.jobs = jobs
        self.joined = joined

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
                for name, value in changes:
                    self.schedd.edit_cluster(cluster, name, value)
                return f"cluster {cluster}: " + ", ".join(f"{n} = {v}" for n, v in changes)
            case RemoveWaiting():
                return self._remove_waiting(action)
            case RemoveHeld(cluster, reason=reason):
                gone = self.schedd.remove_held(cluster, reason)
                return f"cluster {cluster}: removed {gone} held pilots ({reason})"
            case RemoveCluster(cluster, reason=reason):
                self.schedd.remove_cluster(cluster, reason)
                return f"removed cluster {cluster} ({reason})"

    def _submit(self, action: Submit) -> str:
        job = self.jobs[action.group, action.entry]
        notes = {f"MY.{name}": value for name, value in action.notes}
        commands: dict[str, Any] = {
            **job.commands,
            **notes,
            "MY.GlideinDigest": f'"{action.digest}"',
        }
        cluster = self.schedd.submit(commands, action.max_idle, action.most)
        return f"submitted cluster {cluster}: {action.max_idle} pilots waiting"

    def _remove_waiting(self, action: RemoveWaiting) -> str:
        """The newest first; one that is in the collector has started, whatever the queue says."""
        waiting = self.schedd.waiting_pilots(action.cluster)
        idle = [p for p in waiting if f"{action.cluster}.{p}" not in self.joined]
        chosen = idle[: action.pilots]
        if not chosen:
            return f"cluster {action.cluster}: no waiting pilot left to remove"
        gone = self.schedd.remove_pilots(action.cluster, chosen, action.reason)
        return f"cluster {action.cluster}: removed {gone} waiting pilots ({action.reason})"
