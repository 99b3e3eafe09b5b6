# SPDX-License-Identifier: Apache-2.0
"""Limits are rows: a name, a ceiling, what is used. A cut carries the name of the row that cut."""

from collections.abc import Iterable
from dataclasses import dataclass

_NO_CEILING = 1 << 30


@dataclass(slots=True)
class Limit:
    """One ceiling. Several requests may share it, so `used` grows while the plan is made.

    A row that does not grow (held pilots) is open below its ceiling and shut at it.
    """

    name: str
    ceiling: int
    used: int
    grows: bool = True

    @property
    def room(self) -> int:
        left = max(self.ceiling - self.used, 0)
        return left if self.grows or left == 0 else _NO_CEILING

    def __str__(self) -> str:
        return f"{self.name} ({self.used} of {self.ceiling})"


def room(limits: Iterable[Limit]) -> int:
    """The least room that any of them leaves."""
    return min(limit.room for limit in limits)


def take(limits: Iterable[Limit], pilots: int) -> None:
    """Book `pilots` more on every row."""
    for limit in limits:
        if limit.grows:
            limit.used += pilots


def cutting(limits: Iterable[Limit]) -> tuple[str, ...]:
    """The rows that leave nothing, as text with their figures."""
    return tuple(str(limit) for limit in limits if limit.room == 0)
