# SPDX-License-Identifier: Apache-2.0
"""What became of each kind of job, read off the wants of a decision."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import overload

from condor_plugins.core.plan import Fate
from condor_plugins.core.snapshot import JobKind
from condor_plugins.core.wanting import Want


class Fates(Sequence[Fate]):
    """One fate for every kind, made when the first is looked at: acting on a plan needs none."""

    def __init__(self, wants: Sequence[Want], entries: tuple[str, ...]) -> None:
        self._wants, self._entries = wants, entries

    @cached_property
    def _made(self) -> tuple[Fate, ...]:
        return tuple(self._dealt())

    def _dealt(self) -> Iterator[Fate]:
        """The room that a want has found goes to its kinds in turn."""
        for want in self._wants:
            rest = _Rest(want, self._entries)
            for kind, jobs in want.kinds:
                yield rest.fate(kind, jobs)

    def __len__(self) -> int:
        return len(self._made)

    @overload
    def __getitem__(self, at: int) -> Fate: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Fate]: ...

    def __getitem__(self, at: int | slice) -> Fate | Sequence[Fate]:
        return self._made[at]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fates) and self._made == other._made

    def __hash__(self) -> int:
        return hash(self._made)

    def __repr__(self) -> str:
        return f"Fates({list(self._made)!r})"


class _Rest:
    """What is left of a want's room while it is dealt out to its kinds."""

    def __init__(self, want: Want, entries: tuple[str, ...]) -> None:
        self._mask, self._entries = want.mask, entries
        self._group = want.group.name if want.group else ""
        self._in_slots, self._in_coming = want.in_slots, want.in_coming
        self._asked = dict(want.asked)

    def fate(self, kind: JobKind, jobs: int) -> Fate:
        """`jobs` of this kind are demand; the others have not been idle for long enough."""
        in_slots = min(jobs, self._in_slots)
        in_coming = min(jobs - in_slots, self._in_coming)
        self._in_slots -= in_slots
        self._in_coming -= in_coming
        left, asked = self._deal(jobs - in_slots - in_coming)
        return Fate(
            signature=kind.signature,
            example=kind.example,
            owner=kind.owner,
            count=kind.count,
            cpus=kind.each.cpus,
            memory_mb=kind.each.memory_mb,
            group=self._group,
            in_slots=in_slots,
            in_coming=in_coming,
            asked=asked,
            unmet=left,
            settling=kind.count - jobs,
            mask=self._mask,
            entries=self._entries,
        )

    def _deal(self, left: int) -> tuple[int, dict[str, int]]:
        asked: dict[str, int] = {}
        while left and self._asked:
            name, jobs = next(iter(self._asked.items()))
            part = min(left, jobs)
            asked[name] = part
            left -= part
            self._asked[name] -= part
            if not self._asked[name]:
                del self._asked[name]
        return left, asked
