# SPDX-License-Identifier: Apache-2.0
"""Fill jobs into slots and pilots by all resources, in counts and never job by job.

A heap of equal bins is one record with a multiplicity, so the effort follows the number of
different fillings, not the number of pilots or jobs.
"""

from condor_plugins.core.resources import Resources


class Bin:
    """`count` slots or pilots with the same room left."""

    __slots__ = ("count", "free", "used")

    def __init__(self, free: Resources, count: int, used: bool = False) -> None:
        self.free, self.count, self.used = free, count, used


class Bins:
    """The slots or pilots of one origin (a kind of slot, the coming pilots of a cluster …).

    `full`: bins with no core left; they are not looked at again.
    """

    __slots__ = ("bins", "full")

    def __init__(self) -> None:
        self.bins: list[Bin] = []
        self.full = 0

    def add(self, free: Resources, count: int) -> None:
        if count > 0:
            self.bins.append(Bin(free, count))

    def has_room(self, each: Resources) -> bool:
        """Whether one job of this size finds room."""
        return any(one.free.covers(each) for one in self.bins)

    def untouched(self) -> int:
        """How many bins nothing was placed in."""
        return sum([one.count for one in self.bins if not one.used]) if self.bins else 0

    def started(self) -> int:
        """How many bins something was placed in."""
        if not self.bins:  # as it is of most, most of the time
            return self.full
        return self.full + sum([one.count for one in self.bins if one.used])

    def place(self, each: Resources, jobs: int) -> int:
        """Place up to `jobs` jobs of size `each`, into started bins first; how many found room."""
        if len(self.bins) == 1:  # as it mostly is
            one = self.bins[0]
            return self._fill(one, each, jobs) if jobs and one.free.covers(each) else 0
        roomy = [one for one in self.bins if one.free.covers(each)]
        if len(roomy) > 1:
            roomy.sort(key=_started_first)
        left = jobs
        for one in roomy:
            if left == 0:
                break
            left -= self._fill(one, each, left)
        return jobs - left

    def _fill(self, one: Bin, each: Resources, jobs: int) -> int:
        fits = one.free.holds(each)
        full, rest = divmod(min(jobs, fits * one.count), fits)
        one.count -= full + (1 if rest else 0)
        if one.count == 0:
            self.bins.remove(one)
        for how_many, times in ((full, fits), (1 if rest else 0, rest)):
            if how_many:
                self._keep(one.free.less(each, times), how_many)
        return full * fits + rest

    def _keep(self, free: Resources, count: int) -> None:
        if free.cpus > 0:
            self.bins.append(Bin(free, count, used=True))
        else:
            self.full += count


def _started_first(one: Bin) -> bool:
    return not one.used


def pilots_for(shape: Resources, each: Resources, jobs: int, nodes: int = 1) -> int:
    """How many empty pilots of `nodes` slots of `shape` it takes for `jobs` jobs of size `each`;
    0 if none fits.
    """
    fits = shape.holds(each) * nodes
    return -(-jobs // fits) if fits else 0
