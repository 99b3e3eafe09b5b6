# SPDX-License-Identifier: Apache-2.0
"""Jobs that want room: kinds that are alike for one decision, and who would serve them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from condor_plugins.core.asking import Ask, slot_ad
from condor_plugins.core.matching import Matcher
from condor_plugins.core.policy import Group, Policy
from condor_plugins.core.resources import Resources
from condor_plugins.core.snapshot import JobKind, Snapshot


class Size:
    """What one job needs.

    `fits`: the requests whose pilots are large enough, whatever the ads say (what a job asks for
    may depend on the slot, or be a resource that an entry lacks). `tiers`: masks of the requests by
    how well such jobs fill their pilots (sharing.py makes them, once for all jobs of the size).
    `rank`: the place of such jobs among all sizes, the largest first.
    """

    __slots__ = ("each", "fits", "rank", "tiers")

    def __init__(self, each: Resources, fits: int) -> None:
        self.each, self.fits = each, fits
        self.rank = 0
        self.tiers: list[int] | None = None


class Want:
    """Idle jobs that are alike for this decision; `left` of them have no room yet.

    `kinds` with how many jobs of each have settled. `serving`: a bit for every request whose
    pilots would run them; `mask`: those of the jobs' own group.
    """

    __slots__ = (
        "asked", "group", "in_coming", "in_slots", "kinds", "left", "mask", "serving", "size",
    )  # fmt: skip

    def __init__(
        self,
        kinds: list[tuple[JobKind, int]],
        size: Size,
        group: Group | None,
        serving: int,
        mask: int,
    ) -> None:
        self.kinds, self.size, self.group = kinds, size, group
        self.serving, self.mask = serving, mask
        self.left = self.in_slots = self.in_coming = 0
        self.asked: dict[str, int] = {}

    def still(self) -> "Want":
        """The jobs without room as a want of their own, for a trial."""
        rest = Want(self.kinds, self.size, self.group, self.serving, self.mask)
        rest.left = self.left
        return rest

    @property
    def each(self) -> Resources:
        return self.size.each


def wants(
    seen: Snapshot,
    counts: Sequence[int],
    policy: Policy,
    requests: Sequence[Ask],
    matcher: Matcher,
) -> list[Want]:
    """Idle jobs by group, size and the requests that match: large ones first, then choosy ones.

    `counts`: how many jobs of each kind are demand.
    """
    masks = matcher.masks(
        seen.kinds,
        [ask.signature for ask in requests],
        lambda number: slot_ad(requests[number], seen.now_s),
    )
    own = _by_group(requests)
    group_of = _Chooser(policy.groups.values())
    shapes = _by_shape(requests)
    sizes: dict[Resources, Size] = {}
    found: dict[tuple[str, int, int], Want] = {}
    for kind, count, mask in zip(seen.kinds, counts, masks, strict=True):
        group = group_of.all_jobs or group_of(kind)
        name = group.name if group else ""
        size = sizes.get(kind.each)
        if size is None:
            fits = sum(some for shape, some in shapes.items() if shape.holds(kind.each))
            size = sizes[kind.each] = Size(kind.each, fits)
        key = (name, mask, id(size))
        want = found.get(key)
        if want is None:
            want = found[key] = Want([], size, group, mask, mask & own[name] & size.fits)
        want.kinds.append((kind, count))
        want.left += count
    _rank(sizes.values())
    return sorted(found.values(), key=_hardest_first)


def _rank(sizes: Iterable[Size]) -> None:
    """By places, as thousands of wants of a few hundred sizes are sorted twice as fast by these."""
    keys = {one: (-one.each.gpus, -one.each.cpus, -one.each.memory_mb) for one in sizes}
    places = {key: place for place, key in enumerate(sorted(set(keys.values())))}
    for one, key in keys.items():
        one.rank = places[key]


def _hardest_first(want: Want) -> tuple[int, int]:
    return want.size.rank, want.mask.bit_count()


def _by_shape(requests: Iterable[Ask]) -> Mapping[Resources, int]:
    masks: dict[Resources, int] = defaultdict(int)
    for ask in requests:
        masks[ask.entry.shape] |= 1 << ask.number
    return masks


def _by_group(requests: Iterable[Ask]) -> Mapping[str, int]:
    masks: dict[str, int] = defaultdict(int)
    for ask in requests:
        masks[ask.group.name] |= 1 << ask.number
    return masks


class _Chooser:
    """The first group whose Jobs expression a kind meets; a plain `true` costs no evaluation.

    `all_jobs`: the group that takes every kind, because it is the first and does so.
    """

    def __init__(self, groups: Iterable[Group]) -> None:
        self._groups = [(one, str(one.jobs).lower() == "true") for one in groups]
        self.all_jobs = next((one for one, every in self._groups[:1] if every), None)

    def __call__(self, kind: JobKind) -> Group | None:
        for group, every in self._groups:
            if every or group.jobs.eval(kind.ad) is True:
                return group
        return None
