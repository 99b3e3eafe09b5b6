# SPDX-License-Identifier: Apache-2.0
"""A schedd and a collector that answer from ads in memory, by HTCondor's rules as measured."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import classad2
import htcondor2

from condor_plugins.pool.collector import Collector
from condor_plugins.pool.schedd import Schedd

RECORDED = Path(__file__).parent / "recorded"


def recorded(name: str) -> list[classad2.ClassAd]:
    """Ads that real daemons of HTCondor 25.14.1 answered."""
    text = (RECORDED / name).read_text(encoding="utf-8")
    if text.startswith("["):
        return [classad2.ClassAd(line) for line in text.splitlines()]
    return list(classad2.parseAds(text, classad2.ParserType.Old))


@dataclass
class Call:
    """One query as it was asked."""

    constraint: str
    projection: tuple[str, ...]
    opts: htcondor2.QueryOpts


@dataclass
class Queue:
    """What htcondor2.Schedd is to us. `refuses`: constraints with this text get no answer.

    `past`: its history, newest first. `read`: how many of those were looked at.
    """

    ads: list[classad2.ClassAd] = field(default_factory=list)
    refuses: str = ""
    calls: list[Call] = field(default_factory=list)
    past: list[classad2.ClassAd] = field(default_factory=list)
    read: int = 0

    def history(
        self, constraint: str, projection: Sequence[str], match: int, since: str
    ) -> list[classad2.ClassAd]:
        self.calls.append(Call(constraint, tuple(projection), htcondor2.QueryOpts.Default))
        if self.refuses and self.refuses in constraint:
            raise htcondor2.HTCondorException("Failed to receive history ad.")
        found: list[classad2.ClassAd] = []
        for ad in self.past:
            if _holds(since, ad) or len(found) == match:
                break
            self.read += 1
            found += [_projected(ad, projection)] if _holds(constraint, ad) else []
        return found

    def query(
        self,
        constraint: str = "true",
        projection: Sequence[str] = (),
        opts: htcondor2.QueryOpts = htcondor2.QueryOpts.Default,
        limit: int = -1,
    ) -> list[classad2.ClassAd]:
        self.calls.append(Call(constraint, tuple(projection), opts))
        if self.refuses and self.refuses in constraint:
            raise htcondor2.HTCondorException("Failed to fetch ads\nfrom the schedd")
        grouped = opts == htcondor2.QueryOpts.GroupBy
        seen = [ad for ad in self.ads if "ProcId" in ad or opts.IncludeClusterAd == opts]
        # A GroupBy constraint sees nothing but what is projected.
        views = [(_projected(ad, projection), ad) for ad in seen]
        found = [view for view, ad in views if _holds(constraint, view if grouped else ad)]
        return _rows(found) if grouped else found[: limit if limit >= 0 else None]


@dataclass
class Pool:
    """What htcondor2.Collector is to us: startd ads, and its own ad."""

    slots: list[classad2.ClassAd] = field(default_factory=list)
    own: list[classad2.ClassAd] = field(default_factory=list)
    broken: bool = False
    calls: list[Call] = field(default_factory=list)

    def query(
        self,
        ad_type: htcondor2.AdType,
        constraint: str = "true",
        projection: Sequence[str] = (),
    ) -> list[classad2.ClassAd]:
        self.calls.append(Call(constraint, tuple(projection), htcondor2.QueryOpts.Default))
        if self.broken:
            raise htcondor2.HTCondorException("no route to the collector")
        ads = self.slots if ad_type == htcondor2.AdType.Startd else self.own
        return [_projected(ad, projection) for ad in ads if _holds(constraint, ad)]


def schedd_of(queue: Queue, name: str = "ap") -> Schedd:
    """Our schedd on top of this queue; nothing is contacted."""
    made = object.__new__(Schedd)
    made.name, made.requester, made.queries, made._schedd = name, name, 0, queue
    made._others = {}
    return made


def collector_of(pool: Pool) -> Collector:
    made = object.__new__(Collector)
    made.queries, made._collector = 0, pool
    return made


def _projected(ad: classad2.ClassAd, projection: Iterable[str]) -> classad2.ClassAd:
    """These attributes, and those of the ad that their expressions need (as both daemons do)."""
    names = [name for name in projection if name and name in ad]
    needed = {ref for name in names for ref in ad.internalRefs(ad.lookup(name)) if ref}
    view = classad2.ClassAd()
    for name in {name.lower(): name for name in [*names, *needed]}.values():
        view[name] = ad.lookup(name)
    return view


def _holds(constraint: str, ad: classad2.ClassAd) -> bool:
    return classad2.ExprTree(constraint).eval(ad) is True


def _rows(views: Iterable[classad2.ClassAd]) -> list[classad2.ClassAd]:
    rows: dict[str, classad2.ClassAd] = {}
    for view in views:
        row = rows.setdefault(str(view), classad2.ClassAd(str(view)))
        row["JobCount"] = row.get("JobCount", 0) + 1
        row.setdefault("JobIds", "1.0")
    return list(rows.values())
