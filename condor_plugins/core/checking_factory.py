# SPDX-License-Identifier: Apache-2.0
"""Checks of a factory's two tables; the schedd reads them, and says nothing of their mistakes."""

from collections.abc import Iterator, Mapping

import classad2

from condor_plugins.core.problems import Problem
from condor_plugins.core.reading import nearest

_LIMITS = ("MaxIdlePilots", "MaxPilots")
_ROW = ("Entries", *_LIMITS, "LogDir")
_OFFER = (
    *("GridResource", "BatchQueue", "BatchProject", "BatchExtraSubmitArgs"),
    *("BatchConstraint", "BatchReservation", "BatchLicenses"),
    *("PilotDir", "WallTime", "Memory", "Nodes", "Cpus", "GPUs"),
)
_REQUESTERS, _OFFERS = "GLIDEIN_REQUESTERS", "GLIDEIN_OFFERS"


def factory_tables(knobs: Mapping[str, str]) -> Iterator[Problem]:
    """What is wrong with GLIDEIN_REQUESTERS and GLIDEIN_OFFERS."""
    requesters, offers = _table(knobs, _REQUESTERS), _table(knobs, _OFFERS)
    for knob, table in ((_REQUESTERS, requesters), (_OFFERS, offers)):
        if table is None:
            text = "does not parse as a ClassAd in [ ]: no requester can submit"
            yield Problem(knob, "", text)
    if requesters is None or offers is None:
        return
    for entry, offer in _rows(offers):
        yield from _unknown(_OFFERS, entry, offer, _OFFER)
        if "GridResource" not in offer:
            yield Problem(_OFFERS, entry, "lacks GridResource: every pilot of it is refused")
    for account, row in _rows(requesters):
        yield from _unknown(_REQUESTERS, account, row, _ROW)
        yield from _row(account, row, offers)


def _table(knobs: Mapping[str, str], name: str) -> classad2.ClassAd | None:
    text = knobs.get(name, "").strip() or "[ ]"
    try:
        return classad2.ClassAd(text) if text.startswith("[") else None
    except (classad2.ClassAdException, ValueError):
        return None


def _rows(table: classad2.ClassAd) -> Iterator[tuple[str, classad2.ClassAd]]:
    for name in table:
        row = table.eval(name)
        yield name, row if isinstance(row, classad2.ClassAd) else classad2.ClassAd()


def _row(account: str, row: classad2.ClassAd, offers: classad2.ClassAd) -> Iterator[Problem]:
    for name in _LIMITS:
        value = row.eval(name) if name in row else None
        if not isinstance(value, int) or isinstance(value, bool | classad2.Value):
            text = f"lacks {name} (a whole number): every pilot of it is refused"
            yield Problem(_REQUESTERS, account, text)
    entries = row.eval("Entries") if "Entries" in row else None
    if not isinstance(entries, list):
        text = 'lacks Entries (a list, { "A", "B" }): every pilot of it is refused'
        yield Problem(_REQUESTERS, account, text)
        return
    for name in entries:
        if str(name) not in offers:
            text = f"names entry {name}, which {_OFFERS} does not have{nearest(str(name), offers)}"
            yield Problem(_REQUESTERS, account, text)


def _unknown(
    knob: str, what: str, row: classad2.ClassAd, known: tuple[str, ...]
) -> Iterator[Problem]:
    lower = {name.lower() for name in known}
    for name in row:
        if name.lower() not in lower:
            yield Problem(knob, what, f"has {name}, which is not looked at{nearest(name, known)}")
