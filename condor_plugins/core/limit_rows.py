# SPDX-License-Identifier: Apache-2.0
"""The limit rows of a policy, filled from what is in the queue; shared rows are made once."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from operator import add
from typing import NamedTuple

from condor_plugins.core.breaking import least_life_s
from condor_plugins.core.budgets import pilot_core_hours
from condor_plugins.core.learned import Learned
from condor_plugins.core.limits import Limit, Threshold
from condor_plugins.core.policy import Entry, Group, Policy
from condor_plugins.core.snapshot import PilotCluster, Snapshot

Pair = tuple[str, str]


class _Used(NamedTuple):
    """Pilots by what limits count. `held`: those made of the entry as it is now."""

    present: int = 0
    waiting: int = 0
    submitted: int = 0
    starting: int = 0
    held: int = 0
    unproved: int = 0

    def plus(self, more: "_Used") -> "_Used":
        return _Used(*map(add, self, more))


class Rows:
    """Limits by owner, and the pilot clusters by who they belong to, oldest first."""

    def __init__(
        self, seen: Snapshot, policy: Policy, digests: Mapping[Pair, str], learned: Learned
    ) -> None:
        self.of_pair: dict[Pair, list[PilotCluster]] = defaultdict(list)
        self._policy = policy
        self._now_s = seen.now_s
        self._learned = learned
        self._sites = {name.lower(): site for name, site in policy.sites.items()}
        self._all_used = _Used()
        self._entry_used: dict[str, _Used] = defaultdict(_Used)
        self._group_used: dict[str, _Used] = defaultdict(_Used)
        self._site_used: dict[str, _Used] = defaultdict(_Used)
        for one in sorted(seen.clusters, key=lambda one: one.cluster):
            self.of_pair[one.group, one.entry].append(one)
            if one.present or one.submitted:
                self._count(one, digests.get((one.group, one.entry)) == one.digest)
        self._add_up()
        self._of_site: dict[str, list[Limit]] = {}
        self._of_entry: dict[str, list[Limit]] = {}
        self._of_group: dict[str, list[Limit]] = {}
        self._all = list(self._all_rows())

    def limits(self, group: Group, entry: Entry) -> list[Limit]:
        """Every row that a request of this group at this entry has to pass."""
        of_entry = self._of_entry.get(entry.name)
        if of_entry is None:
            of_entry = [*self._entry_rows(entry), *self._site(entry.site)]
            self._of_entry[entry.name] = of_entry
        of_group = self._of_group.get(group.name)
        if of_group is None:
            of_group = self._of_group[group.name] = list(self._group_rows(group))
        if group.max_pilots_per_entry < min(entry.max_pilots, group.max_pilots):
            return [*of_entry, *of_group, self._pair_row(group, entry), *self._all]
        return [*of_entry, *of_group, *self._all]

    def _count(self, one: PilotCluster, is_current: bool) -> None:
        held = one.held if is_current else 0
        young = self._young(one)
        used = _Used(one.present, one.waiting, one.submitted, one.starting, held, young)
        self._entry_used[one.entry] = self._entry_used[one.entry].plus(used)
        self._group_used[one.group] = self._group_used[one.group].plus(used)

    def _young(self, one: PilotCluster) -> int:
        """Pilots that have not run for long enough to be a success."""
        entry = self._policy.entries.get(one.entry)
        if entry is None or entry.name not in self._learned.breakers:
            return 0
        least_s = self._now_s - least_life_s(entry)
        return sum(1 for start in one.starts if start.started_s > least_s)

    def _add_up(self) -> None:
        """Over all groups; and over the entries of each site, those that are configured still."""
        for used in self._group_used.values():
            self._all_used = self._all_used.plus(used)
        for name, entry in self._policy.entries.items() if self._sites else ():
            if name in self._entry_used:
                site = entry.site.lower()
                self._site_used[site] = self._site_used[site].plus(self._entry_used[name])

    def _site(self, site: str) -> list[Limit]:
        """The rows of a site, the same ones however an entry spells it."""
        if site.lower() not in self._of_site:
            self._of_site[site.lower()] = list(self._site_rows(site))
        return self._of_site[site.lower()]

    def _entry_rows(self, entry: Entry) -> Iterator[Limit]:
        name, used = f"entry {entry.name}", self._entry_used[entry.name]
        yield self._present(f"{name} MaxPilots", entry.max_pilots, used.present)
        yield _waiting(f"{name} MaxIdlePilots", entry.max_idle_pilots, used)
        yield Threshold(f"{name} MaxHeldPilots", entry.max_held_pilots, used.held, kind="other")
        yield from _rate(f"{name} SubmitRate", entry.submit_rate, used)
        if entry.ramp:
            yield _ramp(f"{name} Ramp", entry.ramp, self._learned.waits_s.get(entry.name), used)
        if entry.budget_core_hours:
            yield _budget(name, entry, self._learned.spent.get(entry.name, 0.0), used)
        state, room, why = self._learned.breakers.get(entry.name, ("closed", 0, ""))
        if state != "closed":
            unproved = used.waiting + max(used.starting, used.unproved) if room else 0
            yield Limit(f"{name} Breaker", room, unproved, kind="other", figures=why)

    def _site_rows(self, site: str) -> Iterator[Limit]:
        """One that cannot be read lets nothing more through, as an entry that cannot be read."""
        if f"site {site}" in self._policy.broken:
            why = "its knob cannot be read, see glidein check"
            yield Limit(f"site {site}", 0, 0, kind="other", figures=why)
        one, used = self._sites.get(site.lower()), self._site_used[site.lower()]
        if one:
            yield self._present(f"site {one.name} MaxPilots", one.max_pilots, used.present)
            yield _waiting(f"site {one.name} MaxIdlePilots", one.max_idle_pilots, used)
            yield from _rate(f"site {one.name} SubmitRate", one.submit_rate, used)

    def _group_rows(self, group: Group) -> Iterator[Limit]:
        name, used = f"group {group.name}", self._group_used[group.name]
        yield self._present(f"{name} MaxPilots", group.max_pilots, used.present)
        yield _waiting(f"{name} MaxIdlePilots", group.max_idle_pilots, used)

    def _pair_row(self, group: Group, entry: Entry) -> Limit:
        """Needed only where the rows of entry and group would not cut as soon."""
        mine = self.of_pair.get((group.name, entry.name), ())
        name = f"group {group.name} MaxPilotsPerEntry at entry {entry.name}"
        present = sum(one.present for one in mine)
        return self._present(name, group.max_pilots_per_entry, present)

    def _all_rows(self) -> Iterator[Limit]:
        settings, used = self._policy.settings, self._all_used
        yield self._present("GLIDEIN_MAX_PILOTS", settings.max_pilots, used.present)
        yield _waiting("GLIDEIN_MAX_IDLE_PILOTS", settings.max_idle_pilots, used)
        yield from _rate("GLIDEIN_SUBMIT_RATE", settings.submit_rate, used)

    def _present(self, name: str, ceiling: int, present: int) -> Limit:
        limit = Limit(name, ceiling, present)
        curb = self._policy.settings.curb
        if curb < 100 and present * 100 >= curb * ceiling:
            limit.kept = max(ceiling - present, 0) // 2
            limit.figures += ", curbed"
        return limit


def _waiting(name: str, ceiling: int, used: _Used) -> Limit:
    return Limit(name, ceiling, used.waiting, kind="waiting")


def _rate(name: str, ceiling: int, used: _Used) -> Iterator[Limit]:
    if ceiling:
        figures = "{used} of {ceiling} a minute"
        yield Limit(name, ceiling, used.submitted, kind="rate", figures=figures)


def _ramp(name: str, per_minute: int, wait_s: float | None, used: _Used) -> Limit:
    """So many waiting that `per_minute` start in a minute; a probe as long as the wait is unknown.

    By Little's law: those in a queue are those that come in a minute times the minutes they stay.
    """
    if wait_s is None:
        figures = f"{{used}} of {{ceiling}}, {per_minute} a minute, their wait is not known"
        return Limit(name, per_minute, used.waiting, kind="waiting", figures=figures)
    ceiling = max(math.ceil(per_minute * wait_s / 60), per_minute)
    figures = f"{{used}} of {{ceiling}}, {per_minute} a minute that wait {wait_s:.0f} s"
    return Limit(name, ceiling, used.waiting, kind="waiting", figures=figures)


def _budget(name: str, entry: Entry, spent: float, used: _Used) -> Limit:
    """Every pilot in the queue may still take its whole wall time, so that is paid in advance."""
    each = pilot_core_hours(entry)
    paid = max(math.floor((entry.budget_core_hours - spent) / each), 0)
    figures = (
        f"{spent:.0f} of {entry.budget_core_hours} core-hours spent,"
        f" the rest pays {{ceiling}} pilots of {each:g} and {{used}} are there"
    )
    return Limit(f"{name} BudgetCoreHours", paid, used.present, kind="other", figures=figures)
