# SPDX-License-Identifier: Apache-2.0
"""Limits are rows: a name, a ceiling, what is used. A cut carries the name of the row that cut."""

from collections.abc import Iterable
from typing import ClassVar, Literal

# present: pilots in the queue; waiting: in the site's queue, opens as they start; rate: opens in
# the next minute; other: a reason to send no more at all for now.
Kind = Literal["present", "waiting", "rate", "other"]

_NO_CEILING = 1 << 30


class Limit:
    """One ceiling. Several requests may share it, so `used` grows while the plan is made.

    `kept`: room below the ceiling that is not given now. `figures`: what str() says of it.
    """

    __slots__ = ("ceiling", "figures", "kept", "kind", "name", "used")
    grows: ClassVar[bool] = True

    def __init__(
        self,
        name: str,
        ceiling: int,
        used: int,
        kind: Kind = "present",
        figures: str = "{used} of {ceiling}",
    ) -> None:
        self.name, self.ceiling, self.used = name, ceiling, used
        self.kind, self.figures, self.kept = kind, figures, 0

    @property
    def room(self) -> int:
        left = self.ceiling - self.kept - self.used
        return left if left > 0 else 0

    def __str__(self) -> str:
        used, ceiling = str(self.used), str(self.ceiling)
        return f"{self.name} ({self.figures.replace('{used}', used).replace('{ceiling}', ceiling)})"


class Threshold(Limit):
    """A row that does not grow (held pilots): open below its ceiling and shut at it."""

    __slots__ = ()
    grows = False

    @property
    def room(self) -> int:
        return _NO_CEILING if self.used < self.ceiling else 0


def room(limits: Iterable[Limit]) -> int:
    """The least room that any of them leaves; the innermost question of a plan."""
    least = _NO_CEILING
    for limit in limits:
        some = limit.room
        if some < least:
            if some == 0:
                return 0
            least = some
    return least


def take(limits: Iterable[Limit], pilots: int) -> None:
    """Book `pilots` more on every row."""
    for limit in limits:
        if limit.grows:
            limit.used += pilots


def cutting(limits: Iterable[Limit]) -> tuple[str, ...]:
    """The rows that leave nothing, as text with their figures; the name is what is before " ("."""
    return tuple(str(limit) for limit in limits if limit.room == 0)


def stops(limits: Iterable[Limit]) -> bool:
    """Whether not even a pilot that starts may be replaced.

    A schedd that keeps pilots waiting replaces those that start by itself. Ceilings of pilots
    present or waiting hold all the same; a rate, a budget or a breaker would be passed.
    """
    return any(limit.kind in ("rate", "other") and limit.room == 0 for limit in limits)
