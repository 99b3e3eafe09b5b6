# SPDX-License-Identifier: Apache-2.0
"""Usable supply: the room in slots and coming pilots that a kind of job really matches."""

from collections import Counter
from collections.abc import Sequence

from condor_plugins.core.asking import Ask, Want
from condor_plugins.core.matching import Matcher
from condor_plugins.core.packing import Bins
from condor_plugins.core.snapshot import Slot


def take_slots(wants: Sequence[Want], slots: Sequence[Slot], matcher: Matcher) -> None:
    """Place waiting jobs into free slots; idle cores that no job can use remain no supply."""
    alike = Counter(slot.signature for slot in slots if slot.free.cpus > 0)
    one_of = {slot.signature: slot for slot in slots}
    heaps = [(one_of[signature], Bins()) for signature in alike]
    for slot, bins in heaps:
        bins.add(slot.free, alike[slot.signature])
    for want in wants:
        for slot, bins in heaps:
            if want.left and matcher.job_in_slot(want.kind, slot):
                placed = bins.place(want.kind.each, want.left)
                want.in_slots += placed
                want.left -= placed


def take_coming(wants: Sequence[Want], asks: Sequence[Ask], matcher: Matcher) -> None:
    """Place what is left into pilots that wait or start already, whichever group they are of."""
    for want in wants:
        for ask in asks:
            if want.left and ask.coming.bins and matches(matcher, want, ask):
                placed = ask.coming.place(want.kind.each, want.left)
                want.in_coming += placed
                want.left -= placed


def matches(matcher: Matcher, want: Want, ask: Ask) -> bool:
    """Whether a pilot of this request would run these jobs."""
    return matcher.answer(want.kind, ask.signature, ask.slot_ad)
