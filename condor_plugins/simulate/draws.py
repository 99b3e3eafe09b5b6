# SPDX-License-Identifier: Apache-2.0
"""Times that are drawn: a number, or a distribution with its parameters."""

import math
from dataclasses import dataclass
from random import Random
from typing import Literal

Shape = Literal["constant", "uniform", "lognormal", "exponential"]


@dataclass(frozen=True, slots=True)
class Draw:
    """`first` and `second` are: the number; least and most; median and sigma; the mean."""

    shape: Shape
    first: float
    second: float = 0.0

    def from_(self, random: Random) -> float:
        """One value, in seconds; never below 0."""
        match self.shape:
            case "constant":
                return self.first
            case "uniform":
                return random.uniform(self.first, self.second)
            case "lognormal":
                return random.lognormvariate(math.log(self.first), self.second)
            case "exponential":
                return random.expovariate(1 / self.first)


def stream(seed: int, what: str) -> Random:
    """Random numbers for one part of the world, which nothing else in it can shift."""
    return Random(f"{seed} {what}")  # noqa: S311 (nothing secret is drawn)
