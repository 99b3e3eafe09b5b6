# SPDX-License-Identifier: Apache-2.0
"""The pool's collector: slots, and how long the collector itself has run."""

from collections.abc import Iterable

import classad2
import htcondor2

from condor_plugins.core.errors import TryAgain
from condor_plugins.pool.translation import asking

_TAKES_JOBS = 'SlotType =!= "Dynamic" && (PartitionableSlot =?= true || State == "Unclaimed")'


class Collector:
    """The collector that the configuration names (COLLECTOR_HOST)."""

    def __init__(self) -> None:
        with asking("collector"):
            self._collector = htcondor2.Collector()
        self.queries = 0

    def slots(self, attributes: Iterable[str]) -> list[classad2.ClassAd]:
        """Slots that take jobs: partitionable ones, and static ones that are unclaimed."""
        self.queries += 1
        with asking("slots"):
            found: list[classad2.ClassAd] = self._collector.query(
                htcondor2.AdType.Startd, _TAKES_JOBS, sorted(set(attributes))
            )
        return found

    def schedds(self) -> list[str]:
        """Names of the schedds that take vanilla jobs."""
        self.queries += 1
        with asking("schedds"):
            ads = self._collector.query(
                htcondor2.AdType.Schedd, "MaxJobsRunning =!= 0", ["Name", "MaxJobsRunning"]
            )
        return sorted(str(ad["Name"]) for ad in ads)

    def glidein_slots(self) -> list[classad2.ClassAd]:
        """All slots of glideins, dynamic ones too, in a few attributes (for people)."""
        attributes = ["Name", "GLIDEIN_Entry", "GLIDEIN_Group", "GLIDEIN_Pilot", "State"]
        attributes += ["Activity", "SlotType", "Cpus", "TotalSlotCpus", "Memory", "GLIDEIN_ToDie"]
        with asking("slots"):
            found: list[classad2.ClassAd] = self._collector.query(
                htcondor2.AdType.Startd, "GLIDEIN_Pilot isnt undefined", attributes
            )
        return found

    def age_s(self, now_s: float) -> float | None:
        """Seconds since the collector started; None when its ad does not tell.

        The ad has no DaemonStartTime; its statistics say how long they have been kept.
        Raises TryAgain in the first second of a collector, which then has no ad of itself.
        """
        self.queries += 1
        with asking("collector's own ad"):
            ads = self._collector.query(
                htcondor2.AdType.Collector, projection=["StatsLastUpdateTime", "StatsLifetime"]
            )
        if not ads:
            raise TryAgain("the collector has no ad of itself yet: it has just started")
        dated = [ad for ad in ads if "StatsLifetime" in ad and "StatsLastUpdateTime" in ad]
        starts = [int(ad["StatsLastUpdateTime"]) - int(ad["StatsLifetime"]) for ad in dated]
        return now_s - max(starts) if starts else None
