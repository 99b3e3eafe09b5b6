# SPDX-License-Identifier: Apache-2.0
"""What a job asks for and a slot has: cpus, memory, disk, gpus."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Resources:
    """Amounts of one slot or one job; memory and disk in MiB, as in HTCondor."""

    cpus: int = 0
    memory_mb: int = 0
    disk_mb: int = 0
    gpus: int = 0

    @property
    def amounts(self) -> tuple[int, int, int, int]:
        """In the order of the fields (dataclasses.astuple copies, and costs forty times this)."""
        return self.cpus, self.memory_mb, self.disk_mb, self.gpus

    def holds(self, each: "Resources") -> int:
        """How many of `each` fit in here at once; an amount of 0 never limits."""
        return min(
            (have // need for have, need in zip(self.amounts, each.amounts, strict=True) if need),
            default=0,
        )

    def covers(self, each: "Resources") -> bool:
        """Whether one of `each` fits in here."""
        return (
            self.cpus >= each.cpus
            and self.memory_mb >= each.memory_mb
            and self.disk_mb >= each.disk_mb
            and self.gpus >= each.gpus
        )

    def less(self, each: "Resources", times: int) -> "Resources":
        """What is left after `times` of `each` moved in."""
        return Resources(
            self.cpus - times * each.cpus,
            self.memory_mb - times * each.memory_mb,
            self.disk_mb - times * each.disk_mb,
            self.gpus - times * each.gpus,
        )
