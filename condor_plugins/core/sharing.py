# SPDX-License-Identifier: Apache-2.0
"""Share the jobs without room over the entries that match them: each job is asked for once."""

import heapq
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import islice
from math import ceil

from condor_plugins.core.asking import Ask
from condor_plugins.core.limits import Limit, room, take
from condor_plugins.core.packing import pilots_for
from condor_plugins.core.resources import Resources, unused_cores
from condor_plugins.core.supply import bits, least_served
from condor_plugins.core.wanting import Want

# Partly filled requests looked at for one kind of job: more cost more than they save.
_MOST_PARTLY_FILLED = 8
# Requests that are told of jobs beyond their limits, one for many kinds: a figure for people.
_MOST_TOLD, _MANY = 3, 500
# Kinds of rows that do not open when waiting pilots start, or a minute later.
_FOR_GOOD = frozenset({"present", "other"})


class Sharing:
    """Opens new pilots, at the least served entry first, none beyond its limits.

    Bit masks over the requests: `_open` can take a pilot, `_living` will be able to when waiting
    pilots have started, `_partly` have new pilots with room left.
    """

    def __init__(self, asks: Sequence[Ask], max_unused: float) -> None:
        self._asks = asks
        self._max_unused = max_unused
        self._living = sum(1 << ask.number for ask in asks if _lives(ask))
        self._open = self._living
        self._partly = 0
        self._shapes: dict[Resources, int] = defaultdict(int)
        for ask in asks:
            self._shapes[ask.entry.shape] |= 1 << ask.number
        self._queues: dict[int, list[tuple[tuple[float, int], int]]] = {}
        self._rows: dict[int, int] = defaultdict(int)
        self._unmet: dict[int, list[tuple[Resources, int]]] = defaultdict(list)

    def share(self, wants: Sequence[Want]) -> None:
        """Ask for all of them, each job once."""
        for want in wants:
            if not (want.left and want.mask):
                continue
            if not (self._open or self._partly):  # nothing is open to anybody any more
                self._unmet[want.mask].append((want.size.each, want.left))
                continue
            pool = self._ask_for(want)
            if want.left:
                self._unmet[pool].append((want.size.each, want.left))
        self._tell_unmet()

    def _ask_for(self, want: Want) -> int:
        """Entries that fit less well come into question once the better ones are full for good.

        Returns those that were asked last.
        """
        pool, tried = self._fitting(want), 0
        while pool != tried:
            living = self._living
            if pool & self._partly:
                self._fill_started(want, pool)
            if want.left and pool & self._open:
                self._open_pilots(want, pool)
            if not want.left or self._living == living:
                break
            pool, tried = self._fitting(want), pool
        return pool

    def _fill_started(self, want: Want, pool: int) -> None:
        """Into partly filled new pilots; requests where they turned out full are forgotten."""
        each, looked_at = want.size.each, 0
        for number in bits(pool & self._partly):
            ask = self._asks[number]
            if not ask.new.bins:
                self._partly &= ~(1 << number)
                continue
            if jobs := ask.new.place(each, want.left):
                self._book(want, ask, jobs)
            looked_at += 1
            if looked_at == _MOST_PARTLY_FILLED or not want.left:
                break

    def _open_pilots(self, want: Want, pool: int) -> None:
        queue = self._queue(pool)
        while want.left and queue:
            served, number = queue[0]
            ask = self._asks[number]
            if not self._open >> number & 1:
                heapq.heappop(queue)
            elif served != (now := least_served(ask)):
                heapq.heapreplace(queue, (now, number))
            else:
                self._open_some(want, ask, len(queue))

    def _queue(self, pool: int) -> list[tuple[tuple[float, int], int]]:
        """The requests of a pool, least served first; kept, as many kinds share a pool."""
        queue = self._queues.get(pool)
        if queue is None:
            queue = [(least_served(self._asks[n]), n) for n in bits(pool & self._open)]
            heapq.heapify(queue)
            self._queues[pool] = queue
        return queue

    def _open_some(self, want: Want, ask: Ask, others: int) -> None:
        """A part of what is needed, so that the others come round; all of it for the only one."""
        entry = ask.entry
        needed = pilots_for(entry.shape, want.each, want.left, entry.nodes)
        part = needed if others == 1 else max(needed // (2 * others), 1)
        pilots = min(part, room(ask.limits))
        if pilots <= 0:
            self._close(ask)
            return
        take(ask.limits, pilots)
        ask.opened += pilots
        ask.new.add(entry.shape, pilots * entry.nodes)
        self._partly |= 1 << ask.number
        self._book(want, ask, ask.new.place(want.size.each, want.left))

    def _close(self, ask: Ask) -> None:
        """No room: then there is none either for the others that share the row that is full."""
        self._open &= ~(1 << ask.number)
        for row in ask.limits:
            if row.room == 0:
                sharers = self._sharers(row)
                self._open &= ~sharers
                if row.kind in _FOR_GOOD:
                    self._living &= ~sharers

    def _sharers(self, row: Limit) -> int:
        """The requests that have to pass a row."""
        if not self._rows:
            for ask in self._asks:
                bit = 1 << ask.number
                for one in ask.limits:
                    self._rows[id(one)] |= bit
        return self._rows[id(row)]

    def _book(self, want: Want, ask: Ask, jobs: int) -> None:
        want.left -= jobs
        want.asked[ask.entry.name] = want.asked.get(ask.entry.name, 0) + jobs

    def _fitting(self, want: Want) -> int:
        """The requests to ask: those whose pilots the jobs fill well, if one of them lives.

        A well fitting entry with a full queue is waited for; that is no reason to waste another's.
        """
        tiers = want.size.tiers
        if tiers is None:
            tiers = want.size.tiers = self._by_fit(want.size.each)
        able = want.mask & self._living
        for mask in tiers:
            if able & mask:
                return want.mask & mask
        return want.mask

    def _by_fit(self, each: Resources) -> list[int]:
        """Masks of requests: first all that fit well enough, then the others by their fit."""
        unused = sorted((unused_cores(shape, each), mask) for shape, mask in self._shapes.items())
        well = sum(mask for part, mask in unused if part <= self._max_unused)
        return [well, *(mask for part, mask in unused if part > self._max_unused)]

    def _tell_unmet(self) -> None:
        """Pilots that would have been opened for the rest if no limit held."""
        pools = self._unmet if len(self._unmet) < _MANY else self._by_first()
        for pool, unmet in pools.items():
            told = self._told(pool, _MOST_TOLD if len(unmet) < _MANY else 1)
            for ask in told:
                holds, nodes = ask.entry.shape.holds, ask.entry.nodes * len(told)
                pilots = sum(jobs / (nodes * fits) for each, jobs in unmet if (fits := holds(each)))
                ask.beyond += ceil(pilots - 1e-9)

    def _by_first(self) -> dict[int, list[tuple[Resources, int]]]:
        """Many pools by the first request of each that is not shut: only that one is told."""
        unshut = sum(1 << ask.number for ask in self._asks if not ask.shut)
        merged: dict[int, list[tuple[Resources, int]]] = defaultdict(list)
        for pool, unmet in self._unmet.items():
            able = pool & unshut
            merged[able & -able] += unmet
        return merged

    def _told(self, pool: int, most: int) -> list[Ask]:
        open_asks = (self._asks[number] for number in bits(pool) if not self._asks[number].shut)
        return list(islice(open_asks, most))


def _lives(ask: Ask) -> bool:
    """Whether it may be asked now or once waiting pilots have started."""
    if ask.shut or ask.speed <= 0:
        return False
    return all(one.room > 0 for one in ask.limits if one.kind in _FOR_GOOD)


def hedge(asks: Sequence[Ask], percent: int, waits_s: Mapping[str, float], long_s: float) -> None:
    """Some pilots more where they wait long: the last ones of many start late.

    All of `percent` from twice `long_s` on, nothing up to it, and in between in proportion: an
    estimate that goes up and down must not submit and remove pilots in turn.
    """
    for ask in asks:
        long = min(max(waits_s.get(ask.entry.name, 0.0) / long_s - 1, 0.0), 1.0)
        if ask.shut or ask.speed <= 0 or not long:
            continue
        ask.spare = int(ask.pilots_in_use * long * percent / 100)
        more = min(max(ask.spare - ask.untouched, 0), room(ask.limits))
        if more:
            take(ask.limits, more)
            ask.opened += more
