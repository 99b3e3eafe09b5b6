# SPDX-License-Identifier: Apache-2.0
"""Jobs that want room: kinds that are alike for one decision, and who would serve them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from condor_plugins.core.asking import Ask, slot_ad
from condor_plugins.core.matching import Matcher
from condor_plugins.core.policy import Group, Policy
from condor_plugins.core.resources import Resources
from condor_plugins.core.snapshot import JobKind, Snapshot


@dataclass(slots=True)
class Size:
    """What one job needs.

    `fits`: the requests whose pilots are large enough, whatever the ads say (what a job asks for
    may depend on the slot, or be a resource that an entry lacks). `tiers`: masks of the requests by
    how well such jobs fill their pilots (sharing.py makes them, once for all jobs of the size).
    """

    each: Resources
    fits: int
    tiers: list[int] | None = None


@dataclass(slots=True)
class Want:
    """Idle jobs that are alike for this decision; `left` of them have no room yet.

    `kinds` with how many jobs of each have settled. `serving`: a bit for every request whose
    pilots would run them; `mask`: those of the jobs' own group.
    """

    kinds: list[tuple[JobKind, int]]
    size: Size
    group: Group | None
    serving: int
    mask: int
    left: int = 0
    in_slots: int = 0
    in_coming: int = 0
    asked: dict[str, int] = field(default_factory=dict)

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
        group = group_of(kind)
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
    return sorted(found.values(), key=_hardest_first)


def _hardest_first(want: Want) -> tuple[int, int, int, int]:
    each = want.size.each
    return -each.gpus, -each.cpus, -each.memory_mb, want.mask.bit_count()


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
    """The first group whose Jobs expression a kind meets; a plain `true` costs no evaluation."""

    def __init__(self, groups: Iterable[Group]) -> None:
        self._groups = [(one, str(one.jobs).lower() == "true") for one in groups]

    def __call__(self, kind: JobKind) -> Group | None:
        for group, every in self._groups:
            if every or group.jobs.eval(kind.ad) is True:
                return group
        return None
