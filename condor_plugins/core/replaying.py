# SPDX-License-Identifier: Apache-2.0
"""Recorded cycles decided once more, as they were configured or otherwise.

The world is the recorded one in every cycle: it does not follow what is decided here.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from condor_plugins.core.asking import pairs
from condor_plugins.core.decide import decide
from condor_plugins.core.limit_rows import Pair
from condor_plugins.core.matching import Matcher
from condor_plugins.core.plan import Memory
from condor_plugins.core.policy import Policy
from condor_plugins.core.recorded import Decision, Record, decision_of
from condor_plugins.core.what_if import changed_policy

# For pilots that the recorded configuration did not ask for.
_NEW = "not recorded"


@dataclass(frozen=True, slots=True)
class Replayed:
    """One cycle: what was decided then, and what is decided now."""

    now_s: float
    then: Decision
    now: Decision


@dataclass(frozen=True, slots=True)
class Sums:
    """Pilots of an entry over its groups."""

    wanted: int = 0
    granted: int = 0
    removing: int = 0


def replay(records: Iterable[Record], changes: Mapping[str, str]) -> Iterator[Replayed]:
    """Each record in turn, with these knobs changed (core/what_if.py).

    Without changes every cycle remembers what it remembered then. With changes it remembers what
    this replay has learned, unless cycles are missing in between. Raises Misconfigured.
    """
    policy, knobs, matcher = None, None, Matcher()
    own, last_s = None, 0.0
    for record in records:
        if policy is None or record.knobs != knobs:
            # Answers hold for one configuration.
            policy, knobs, matcher = changed_policy(record.knobs, changes), record.knobs, Matcher()
        goes_on = own is not None and changes and record.before.at_s <= last_s
        before: Memory = own if own is not None and goes_on else record.before
        digests = _digests(record, policy) if changes else record.digests
        plan = decide(record.seen, policy, digests, before, matcher)
        own, last_s = plan.memory, record.seen.now_s
        yield Replayed(record.seen.now_s, record.decision, decision_of(plan))


def by_entry(decision: Decision) -> dict[str, Sums]:
    """The figures of each entry that has any, over all groups."""
    found: dict[str, Sums] = {}
    for one in decision.requests:
        old = found.get(one.entry, Sums())
        found[one.entry] = Sums(
            old.wanted + one.wanted, old.granted + one.granted, old.removing + one.removing
        )
    return {name: sums for name, sums in found.items() if sums != Sums()}


def _digests(record: Record, policy: Policy) -> dict[Pair, str]:
    """Pilots are as recorded: whatever is in the queue counts, though its shape may be changed."""
    asked = ((group.name, entry.name) for group, entry in pairs(policy))
    return {pair: record.digests.get(pair, _NEW) for pair in asked}
