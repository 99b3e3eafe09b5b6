# SPDX-License-Identifier: Apache-2.0
"""Usable supply: the room in slots and coming pilots that a kind of job really matches."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from condor_plugins.core.asking import Ask
from condor_plugins.core.matching import Matcher
from condor_plugins.core.packing import Bins
from condor_plugins.core.resources import Resources
from condor_plugins.core.snapshot import Slot
from condor_plugins.core.wanting import Want

Place = Callable[[Ask, Want, int], int]


def take_slots(jobs: Sequence[Want], slots: Sequence[Slot], matcher: Matcher) -> None:
    """Place waiting jobs into free slots; idle cores that no job can use remain no supply.

    Most slots have no room even for the smallest job, and are not looked at.
    """
    if not slots:
        return
    kinds = [kind for want in jobs for kind, _ in want.kinds]
    room = _Room(slots, _smallest(want.each for want in jobs))
    if not (kinds and room.heaps):
        return
    marks = [slot.signature for slot, _ in room.heaps]
    masks = matcher.masks(kinds, marks, lambda at: room.heaps[at][0].ad, keep=False)
    mask_of = iter(masks)
    for want in jobs:
        for _, count in want.kinds:
            placed = room.place(want.each, count, next(mask_of))
            want.in_slots += placed
            want.left -= placed


class _Room:
    """The free room of slots; a heap that has none left for the smallest job is forgotten."""

    def __init__(self, slots: Sequence[Slot], least: Resources) -> None:
        self.heaps = _heaps(slots, least)
        self._least = least
        self._free = (1 << len(self.heaps)) - 1

    def place(self, each: Resources, count: int, mask: int) -> int:
        """Place up to `count` jobs into the heaps of `mask`; how many found room."""
        left = count
        for number in bits(mask & self._free):
            if left == 0:
                break
            bins = self.heaps[number][1]
            if not bins.has_room(each):
                continue
            left -= bins.place(each, left)
            if not bins.has_room(self._least):
                self._free &= ~(1 << number)
        return count - left


def _heaps(slots: Sequence[Slot], least: Resources) -> list[tuple[Slot, Bins]]:
    """Slots that are alike as one heap, those left out that have no room for `least`."""
    roomy = [slot for slot in slots if slot.free.covers(least)]
    alike = Counter((slot.signature, slot.free) for slot in roomy)
    one_of = {(slot.signature, slot.free): slot for slot in roomy}
    heaps = []
    for key, count in alike.items():
        bins = Bins()
        bins.add(key[1], count)
        heaps.append((one_of[key], bins))
    return heaps


def _smallest(sizes: Iterable[Resources]) -> Resources:
    """The least of every amount, each by itself; custom resources do not count."""
    found = list(sizes)
    return Resources(
        max(min((one.cpus for one in found), default=1), 1),
        min((one.memory_mb for one in found), default=0),
        min((one.disk_mb for one in found), default=0),
        min((one.gpus for one in found), default=0),
    )


def take_coming(jobs: Sequence[Want], asks: Sequence[Ask]) -> None:
    """Place what is left into pilots that wait or start already, whichever group they are of.

    First into those of the jobs' own group, spread as they were asked for: filled another way,
    some would seem unneeded and others missing, though nothing has changed.
    """
    coming = sum(1 << ask.number for ask in asks if ask.coming.bins)
    shut = sum(1 << ask.number for ask in asks if ask.shut)
    if not coming:
        return
    for want in jobs:
        if want.left:
            spread(want, chosen(want.mask & coming & ~shut, asks), _into_coming)
    for want in jobs:
        for ask in chosen(want.serving & coming, asks) if want.left else ():
            want.left -= _into_coming(ask, want, want.left)


def chosen(mask: int, asks: Sequence[Ask]) -> list[Ask]:
    """The requests whose bits are set."""
    return [asks[number] for number in bits(mask)]


def bits(mask: int) -> Iterator[int]:
    """The numbers of the bits that are set, lowest first."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def _into_coming(ask: Ask, want: Want, jobs: int) -> int:
    placed = ask.coming.place(want.each, jobs)
    want.in_coming += placed
    return placed


def spread(want: Want, asks: list[Ask], place: Place) -> None:
    """Even portions, but no less than fill a pilot; the least served entry comes first.

    What one entry has no room for goes round again to the others.
    """
    asks = sorted(asks, key=least_served)
    while want.left and asks:
        speed = sum(ask.speed for ask in asks)
        whole = want.left
        still_open = []
        for ask in asks:
            full = ask.entry.shape.holds(want.each) * ask.entry.nodes
            portion = max(-int(-whole * ask.speed // speed) if speed else whole, full)
            wish = min(portion, want.left)
            placed = place(ask, want, wish)
            want.left -= placed
            if placed == wish:
                still_open.append(ask)
        asks = still_open


def least_served(ask: Ask) -> tuple[float, int]:
    """Pilots in use by share; equal ones in the order of their names."""
    return ask.pilots_in_use / ask.speed if ask.speed else float("inf"), ask.number
