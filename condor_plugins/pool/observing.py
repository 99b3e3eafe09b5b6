# SPDX-License-Identifier: Apache-2.0
"""Look once: the queries of one cycle become one frozen Snapshot.

The number of queries does not depend on how many jobs, kinds, slots or pilots there are: one for
demand (and one more where no job is idle) of each schedd, one for slots, up to three for pilots of
each factory and one for those that ended, one for the collector.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TypeVar

import classad2

from condor_plugins.core.errors import TryAgain
from condor_plugins.core.expressions import needed_of_itself, needed_of_target
from condor_plugins.core.plan import Memory
from condor_plugins.core.policy import Policy, Settings
from condor_plugins.core.snapshot import End, JobKind, PilotCluster, Slot, Snapshot
from condor_plugins.pool.ads import JOB_SIZES, SLOT_BASE, likeness, slot
from condor_plugins.pool.collector import Collector
from condor_plugins.pool.pilots import Pilots, ended, pilots_of, without_dead
from condor_plugins.pool.schedd import Schedd
from condor_plugins.pool.sources import added_up, kinds_at, source_names

Answer = TypeVar("Answer")


def observe(
    schedd: Schedd,
    collector: Collector,
    policy: Policy,
    now_s: float,
    before: Memory | None = None,
) -> Snapshot:
    """The world as it is now. A query without an answer stands in `failed`; the others are used.

    `before`: without a look before, what has ended since is not asked. Factories that no entry
    names any more are looked at while pilots of ours are there; their silence fails nothing.
    """
    before = before or Memory()
    failed: list[str] = []
    unheard: list[str] = []
    wanted = policy.settings.schedds
    sources = _ask(failed, lambda: source_names(wanted, schedd.name, collector)) or ()
    kinds = _kinds(schedd, sources, policy, failed)
    jobs_run = not failed and (bool(kinds) or _any_runs(schedd, sources, failed))
    slots = _ask(failed, lambda: _slots(collector, kinds, policy.tags())) or ()
    joined = frozenset(one.pilot for one in slots if one.pilot)
    pilots = _PilotsSeen(schedd, policy, joined, now_s)
    configured = _factories(schedd, policy)
    for name in [*configured, *(one for one in before.factories if one not in configured)]:
        pilots.look(name, before.at_s, failed if name in configured else unheard, unheard)
    for name, alive in pilots.alive.items():
        slots = without_dead(slots, alive, schedd.at(name).name)
    age_s = _ask(failed, lambda: collector.age_s(now_s))
    return Snapshot(
        now_s,
        kinds,
        slots,
        tuple(pilots.clusters),
        age_s,
        failed=tuple(failed),
        ended=tuple(pilots.ends),
        unheard=tuple(unheard),
        jobs_run=jobs_run,
    )


class _PilotsSeen:
    """What the factories say of our pilots, one after the other."""

    def __init__(
        self, schedd: Schedd, policy: Policy, joined: frozenset[str], now_s: float
    ) -> None:
        self.clusters: list[PilotCluster] = []
        self.ends: list[End] = []
        self.alive: dict[str, frozenset[str]] = {}
        self._schedd, self._settings = schedd, policy.settings
        self._joined, self._now_s = joined, now_s

    def look(self, name: str, since_s: float, failed: list[str], unheard: list[str]) -> None:
        """One factory; where no pilot cluster is, no pilot was, and none can have ended."""
        query = partial(_pilots, self._schedd, name, self._settings, self._joined, self._now_s)
        pilots = _ask(failed, query, name)
        if pilots is None:
            return
        self.alive[name] = pilots.alive
        self.clusters += (one._replace(factory=name) for one in pilots.clusters)
        if pilots.clusters and since_s:
            past = partial(
                ended, self._schedd.at(name), self._settings.account, since_s, self._now_s
            )
            self.ends += _ask(unheard, past, name) or ()


def _ask(failed: list[str], query: Callable[[], Answer], schedd: str = "") -> Answer | None:
    """The answer; a failure is noted with the name of the schedd, where it is not the local one."""
    try:
        return query()
    except TryAgain as err:
        failed.append(f"{err} ({schedd})" if schedd else str(err))
        return None


def _factories(schedd: Schedd, policy: Policy) -> list[str]:
    """The schedds that pilots are submitted to; the local one has no name and is always asked."""
    named = {one.factory for one in policy.entries.values()} - {"", schedd.name}
    return ["", *sorted(named)]


def _pilots(
    schedd: Schedd, name: str, settings: Settings, joined: frozenset[str], now_s: float
) -> Pilots:
    return pilots_of(schedd.at(name), settings, joined, now_s)


def _runs(schedd: Schedd, remote: str) -> bool:
    return schedd.at(remote).has_running_jobs()


def _any_runs(schedd: Schedd, sources: Iterable[str], failed: list[str]) -> bool:
    for name in sources:
        remote = "" if name == schedd.name else name
        if _ask(failed, partial(_runs, schedd, remote), remote):
            return True
    return False


def _kinds(
    schedd: Schedd, sources: Iterable[str], policy: Policy, failed: list[str]
) -> tuple[JobKind, ...]:
    """Idle jobs grouped by every attribute that can decide their match.

    The schedd adds what these expressions refer to, through several levels, and groups by that
    too (seen with 25.14.1: jobs that differ only two references away come as different rows).
    """
    tags = policy.tags()
    sizes = {*JOB_SIZES, *(f"Request{tag}" for tag in tags)}
    attributes = {"Requirements", "Owner", *sizes, *_wanted_of_jobs(policy)}
    kinds: list[JobKind] = []
    for name in sources:
        remote = "" if name == schedd.name else name
        found = _ask(failed, partial(kinds_at, schedd, remote, attributes, tags), remote)
        kinds += found or ()
    return added_up(kinds)


def kind_of(job: classad2.ClassAd, kinds: Iterable[JobKind]) -> JobKind | None:
    """The kind that an idle job's whole ad belongs to: equal in every attribute they differ in."""
    known = list(kinds)
    names = {name.lower(): name for kind in known for name in likeness(kind.ad)}
    mine = [_text(job, name) for name in names.values()]
    alike = (kind for kind in known if [_text(kind.ad, name) for name in names.values()] == mine)
    return next(alike, None)


def _text(ad: classad2.ClassAd, name: str) -> str | None:
    return str(ad.lookup(name)) if name in ad else None


def _wanted_of_jobs(policy: Policy) -> set[str]:
    """Job attributes that groups and entries look at."""
    wanted: set[str] = set()
    scope = classad2.ClassAd()
    for group in policy.groups.values():
        scope["Jobs"], scope["Start"] = group.jobs, group.start
        wanted |= needed_of_itself(scope, ["Jobs"]) | needed_of_target(scope, ["Start"])
    for entry in policy.entries.values():
        scope["Start"] = entry.start
        wanted |= needed_of_target(scope, ["Start"])
    return wanted


def _slots(collector: Collector, kinds: Iterable[JobKind], tags: Sequence[str]) -> tuple[Slot, ...]:
    """Slots with what these jobs look at; the collector adds what their own Start refers to."""
    wanted = {*SLOT_BASE, *tags, *(f"TotalSlot{tag}" for tag in tags)}
    for kind in _distinct(kinds):
        wanted |= needed_of_target(kind.ad, ["Requirements"])
    return tuple(slot(row, tags) for row in collector.slots(wanted))


def _distinct(kinds: Iterable[JobKind]) -> list[JobKind]:
    """One kind for each text of Requirements."""
    return list({str(kind.ad.lookup("Requirements")): kind for kind in kinds}.values())
