# SPDX-License-Identifier: Apache-2.0
"""What a job asks for and a slot has: cpus, memory, disk, gpus, and custom resources by tag."""

from typing import NamedTuple

_ANY_NUMBER = 1 << 30


class Resources(NamedTuple):
    """Amounts of one slot or one job; memory and disk in MiB, as in HTCondor.

    `extra`: custom resources as (tag, amount), sorted by tag.
    """

    cpus: int = 0
    memory_mb: int = 0
    disk_mb: int = 0
    gpus: int = 0
    extra: tuple[tuple[str, int], ...] = ()

    def holds(self, each: "Resources") -> int:
        """How many of `each` fit in here at once; an amount of 0 never limits."""
        # Without min(): this is the innermost line of the decision.
        most = self.cpus // each.cpus if each.cpus else _ANY_NUMBER
        if each.memory_mb and (some := self.memory_mb // each.memory_mb) < most:
            most = some
        if each.disk_mb and (some := self.disk_mb // each.disk_mb) < most:
            most = some
        if each.gpus and (some := self.gpus // each.gpus) < most:
            most = some
        for tag, need in each.extra:
            most = min(most, self.amount(tag) // need)
        return most if most < _ANY_NUMBER else 0

    def amount(self, tag: str) -> int:
        """How much of a custom resource is here."""
        return next((have for name, have in self.extra if name == tag), 0)

    def covers(self, each: "Resources") -> bool:
        """Whether one of `each` fits in here."""
        # Unpacked at once: ten thousands of these are asked for in one decision.
        cpus, memory_mb, disk_mb, gpus, _ = self
        need_cpus, need_memory_mb, need_disk_mb, need_gpus, extra = each
        return (
            cpus >= need_cpus
            and memory_mb >= need_memory_mb
            and disk_mb >= need_disk_mb
            and gpus >= need_gpus
            and (not extra or all(self.amount(tag) >= need for tag, need in extra))
        )

    def less(self, each: "Resources", times: int) -> "Resources":
        """What is left after `times` of `each` moved in."""
        extra = self.extra
        if extra:
            taken = dict(each.extra)
            extra = tuple((tag, have - times * taken.get(tag, 0)) for tag, have in extra)
        return Resources(
            self.cpus - times * each.cpus,
            self.memory_mb - times * each.memory_mb,
            self.disk_mb - times * each.disk_mb,
            self.gpus - times * each.gpus,
            extra,
        )


def unused_cores(shape: Resources, each: Resources) -> float:
    """The part of a pilot's cores (0 to 1) that stays idle when only such jobs fill it."""
    return 1 - shape.holds(each) * each.cpus / shape.cpus if shape.cpus else 0.0
