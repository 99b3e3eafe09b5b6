# SPDX-License-Identifier: Apache-2.0
"""A site behind one entry: how long pilots wait, which start, and which fail at once."""

from collections import deque
from dataclasses import dataclass, field
from random import Random

from condor_plugins.simulate.pilot import Pilot
from condor_plugins.simulate.scenario import SiteModel


@dataclass(slots=True)
class Site:
    """Random numbers of its own: another entry's pilots do not change what is drawn here."""

    model: SiteModel
    random: Random
    running: int = 0
    ready: deque[Pilot] = field(default_factory=deque)

    def wait_s(self) -> float:
        """Of the pilot that comes now; the site starts it then, if it has room."""
        return self.model.wait_s.from_(self.random)

    def join_s(self) -> float | None:
        """Of the pilot that starts now; None: it fails."""
        fails = self.random.random() < self.model.fails
        join_s = self.model.join_s.from_(self.random)
        return None if fails else join_s

    def offer(self, pilot: Pilot) -> bool:
        """Whether it starts now; otherwise it is the last in the line."""
        if self.model.capacity is None or self.running < self.model.capacity:
            self.running += 1
            return True
        self.ready.append(pilot)
        return False

    def ended(self) -> Pilot | None:
        """One left; the first in the line that is still wanted starts in its place."""
        self.running -= 1
        while self.ready:
            pilot = self.ready.popleft()
            if not pilot.removed:
                self.running += 1
                return pilot
        return None
