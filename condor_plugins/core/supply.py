# SPDX-License-Identifier: Apache-2.0
"""Usable supply: the room in slots and coming pilots that a kind of job really matches."""

from collections import Counter
from collections.abc import Callable, Sequence

from condor_plugins.core.asking import Ask, Want
from condor_plugins.core.matching import Matcher
from condor_plugins.core.packing import Bins
from condor_plugins.core.snapshot import Slot


def take_slots(wants: Sequence[Want], slots: Sequence[Slot], matcher: Matcher) -> None:
    """Place waiting jobs into free slots; idle cores that no job can use remain no supply.

    Room is looked at before the match: that costs a tenth, and most slots have little left.
    """
    alike = Counter(slot.signature for slot in slots if slot.free.cpus > 0)
    one_of = {slot.signature: slot for slot in slots}
    heaps = [(one_of[signature], Bins()) for signature in alike]
    for slot, bins in heaps:
        bins.add(slot.free, alike[slot.signature])
    for want in wants:
        each = want.kind.each
        for slot, bins in heaps:
            if want.left and bins.has_room(each) and matcher.job_in_slot(want.kind, slot):
                placed = bins.place(each, want.left)
                want.in_slots += placed
                want.left -= placed


def take_coming(wants: Sequence[Want], asks: Sequence[Ask], matcher: Matcher) -> None:
    """Place what is left into pilots that wait or start already, whichever group they are of.

    First into those of the jobs' own group, spread as they were asked for: filled another way,
    some would seem unneeded and others missing, though nothing has changed.
    """
    if not any(ask.coming.bins for ask in asks):
        return
    for want in wants:
        own = [ask for ask in asks if ask.group is want.group and not ask.shut]
        spread(want, [ask for ask in own if matches(matcher, want, ask)], _into_coming)
    for want in wants:
        for ask in asks:
            if want.left and ask.coming.bins and matches(matcher, want, ask):
                want.left -= _into_coming(ask, want, want.left)


def _into_coming(ask: Ask, want: Want, jobs: int) -> int:
    placed = ask.coming.place(want.kind.each, jobs)
    want.in_coming += placed
    return placed


def spread(want: Want, asks: list[Ask], place: Callable[[Ask, Want, int], int]) -> None:
    """Even portions, but no less than fill a pilot; the entry with the fewest pilots comes first.

    What one entry has no room for goes round again to the others.
    """
    asks = sorted(asks, key=lambda ask: ask.pilots_in_use)
    while want.left and asks:
        full = min(ask.entry.shape.holds(want.kind.each) for ask in asks)
        portion = max(-(-want.left // len(asks)), full)
        still_open = []
        for ask in asks:
            wish = min(portion, want.left)
            placed = place(ask, want, wish)
            want.left -= placed
            if placed == wish:
                still_open.append(ask)
        asks = still_open


def matches(matcher: Matcher, want: Want, ask: Ask) -> bool:
    """Whether a pilot of this request would run these jobs."""
    return matcher.answer(want.kind, ask.signature, ask.slot_ad)
