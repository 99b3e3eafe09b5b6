# SPDX-License-Identifier: Apache-2.0
"""What the administrator wants: entries, groups, credentials, downtimes and settings."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import classad2

from condor_plugins.core.problems import Problem
from condor_plugins.core.resources import Resources


class Settings(NamedTuple):
    """The plain knobs that steer the decision and the provisioner; times in seconds."""

    account: str
    token_directory: str
    state_dir: str
    downtime_file: str
    pilot_dir: str
    pilot_log_dir: str
    collector: str
    dry_run: bool
    max_pilots: int
    max_idle_pilots: int
    submit_rate: int
    curb: int
    hedge: int
    max_unused: int
    settle_s: int
    usage_half_life_s: int
    remove_after_s: int
    confirm_s: int
    max_removals: int
    join_timeout_s: int
    collector_settle_s: int
    timeout_s: int
    record_dir: str = ""
    record_keep: int = 1440
    schedds: tuple[str, ...] = ()
    gateway_dir: str = ""
    blahp_dir: str = ""


class Entry(NamedTuple):
    """One way into a site."""

    name: str
    site: str
    grid_resource: str
    trust_domain: str
    shape: Resources
    wall_time_s: int
    idle_timeout_s: int
    max_pilots: int
    max_idle_pilots: int
    max_held_pilots: int
    held_timeout_s: int
    start: classad2.ExprTree
    attributes: Mapping[str, object]
    submit: Mapping[str, object]
    pilot_dir: str
    log_dir: str
    ad: classad2.ClassAd
    nodes: int = 1
    tail_timeout_s: int = 300
    factory: str = ""
    weight: float = 1.0
    cost: float = 1.0
    max_wait_s: int = 604_800
    release_held: tuple[int, ...] = ()
    keep_held: tuple[int, ...] = ()
    submit_rate: int = 0
    ramp: int = 0
    budget_core_hours: int = 0
    budget_window_s: int = 2_592_000
    facility: str = ""

    @property
    def batch_type(self) -> str:
        """In lower case, as HTCondor takes it; empty for other grid types."""
        words = self.grid_resource.split()
        return words[1].lower() if len(words) > 1 and words[0] == "batch" else ""

    @property
    def at_facility(self) -> bool:
        """Whether its pilots go through a facility's HTTP API."""
        return bool(self.facility) and self.batch_type == self.facility.lower()


class Site(NamedTuple):
    """Limits over all entries of one site."""

    name: str
    max_pilots: int
    max_idle_pilots: int
    submit_rate: int


class Group(NamedTuple):
    """One policy for jobs."""

    name: str
    jobs: classad2.ExprTree
    entries: classad2.ExprTree
    start: classad2.ExprTree
    max_pilots: int
    max_idle_pilots: int
    weight: float = 1.0
    max_pilots_per_entry: int = 10_000


class Credential(NamedTuple):
    """A secret in a file; the secret itself is never read here."""

    name: str
    purpose: str
    type: str
    trust_domain: str
    path: str


class FacilityAd(NamedTuple):
    """A GLIDEIN_FACILITY_ ad; `values`: by attribute, checked."""

    name: str
    values: Mapping[str, Any]


class Downtime(NamedTuple):
    """An entry or site is not asked for pilots from `start_s` to `end_s` (UNIX seconds; end 0:
    open), and again every `every_s` seconds (0: once).
    """

    reason: str
    start_s: int
    end_s: int
    by: str
    every_s: int = 0

    def covers(self, now_s: float) -> bool:
        window = self.window(now_s)
        return window is not None and window[0] <= now_s

    def window(self, now_s: float) -> tuple[int, int] | None:
        """Start and end (0: open) of the one that is on or comes next; None: it is over."""
        if not self.end_s:
            return self.start_s, 0
        late_s = now_s - self.end_s
        turns = int(late_s // self.every_s) + 1 if self.every_s and late_s >= 0 else 0
        start_s, end_s = (at_s + turns * self.every_s for at_s in (self.start_s, self.end_s))
        return (start_s, end_s) if end_s > now_s else None


# Counts as down: the safe side. Pilots are not taken back for it.
UNREADABLE = Downtime("its downtime knob cannot be read", 0, 0, "")


class Policy(NamedTuple):
    """The whole configuration; `broken` names objects that are configured but cannot be used.

    `downtimes`: by the name of an entry or of a site; one of a site is one of all its entries.
    """

    settings: Settings
    entries: Mapping[str, Entry]
    groups: Mapping[str, Group]
    credentials: Mapping[str, Credential]
    downtimes: Mapping[str, Downtime]
    broken: frozenset[str]
    problems: tuple[Problem, ...]
    sites: Mapping[str, Site] = MappingProxyType({})
    facilities: Mapping[str, FacilityAd] = MappingProxyType({})

    def tags(self) -> tuple[str, ...]:
        """Names of the custom resources that any entry has."""
        found = {tag for entry in self.entries.values() for tag, _ in entry.shape.extra}
        return tuple(sorted(found))

    def serves(self, group: Group, entry: Entry) -> bool | None:
        """Whether the group's Entries expression holds in the entry's ad; None: neither way.

        An expression that is undefined or an error is a mistake, and not a "no".
        """
        value = _with(entry.ad, group.entries).eval("_Serves")
        return value if isinstance(value, bool) else None

    def downtimes_of(self, entry: Entry) -> dict[str, Downtime]:
        """Those that concern an entry by whose they are: its own, its site's."""
        whose = dict.fromkeys((entry.name, entry.site))
        return {name: self.downtimes[name] for name in whose if name in self.downtimes}

    def downtime_of(self, entry: Entry, now_s: float) -> Downtime | None:
        """The one because of which an entry is not asked now."""
        mine = self.downtimes_of(entry).values()
        return next((one for one in mine if one.covers(now_s)), None)

    def callback_credential(self, entry: Entry) -> Credential | None:
        """The first credential with which this entry's pilots join the pool."""
        usable = (
            one
            for one in self.credentials.values()
            if one.purpose == "callback" and one.trust_domain == entry.trust_domain
        )
        return next(usable, None)


def _with(ad: classad2.ClassAd, expression: classad2.ExprTree) -> classad2.ClassAd:
    scope = classad2.ClassAd(str(ad))
    scope["_Serves"] = expression
    return scope
