# SPDX-License-Identifier: Apache-2.0
"""Data that failed or is too young freezes the decision; what vanished at once is not believed.

No answer is never taken for "nothing there" (a collector that has just restarted shows no slot,
though every glidein is alive; a schedd may answer with no jobs by mistake).
"""

from typing import NamedTuple

from condor_plugins.core.plan import Memory, Seen
from condor_plugins.core.policy import Settings
from condor_plugins.core.snapshot import Snapshot

# Half of the glideins from one cycle to the next, and more than a handful.
_VANISHED_PART = 0.5
_FEW_CORES, _FEW_GLIDEINS = 8, 4
# What a cycle remembers is no measure for the present after this.
_STALE_S = 3600


class Doubt(NamedTuple):
    """What vanished, in words, and since when (UNIX seconds); `believed` is the world before."""

    text: str
    since_s: float
    believed: Seen


def freeze(seen: Snapshot, settings: Settings) -> str:
    """Why this cycle must change nothing; empty when it may."""
    if seen.failed:
        return "no answer: " + "; ".join(seen.failed)
    lost = sum(one.lost for one in seen.clusters)
    age_s = seen.collector_age_s
    young = age_s is not None and age_s < settings.collector_settle_s
    if young and "ALL" in settings.schedds:
        return f"the collector is up for {age_s:.0f} s and may not know all schedds yet"
    if young and lost:
        return f"the collector is up for {age_s:.0f} s and does not show {lost} running pilots yet"
    return ""


def look_back(seen: Snapshot) -> Seen:
    """The size of the world, for the next cycle."""
    glideins = len({slot.pilot for slot in seen.slots if slot.pilot})
    return Seen(seen.now_s, sum(one.count * one.each.cpus for one in seen.kinds), glideins)


def doubt(seen: Snapshot, before: Memory, settings: Settings) -> Doubt | None:
    """What vanished since the last cycle without a trace, until it has lasted long enough."""
    old = before.seen
    if not old.at_s or seen.now_s - before.at_s > _STALE_S:
        return None
    text = _vanished(old, look_back(seen), seen)
    since_s = before.doubt_since_s or seen.now_s
    if not text or seen.now_s - since_s >= settings.confirm_s:
        return None
    lasts_s = settings.confirm_s - (seen.now_s - since_s)
    return Doubt(f"{text}; nothing is changed for {lasts_s:.0f} s more", since_s, old)


def _vanished(old: Seen, now: Seen, seen: Snapshot) -> str:
    """Jobs: none idle any more, and none runs. Glideins: gone while their pilots run on."""
    if old.idle_cores > _FEW_CORES and not now.idle_cores and not seen.jobs_run:
        return f"jobs for {old.idle_cores} cores were idle, and now none is idle or runs"
    gone = old.glideins - now.glideins
    lost = sum(one.lost for one in seen.clusters)
    if min(gone, lost) > max(_VANISHED_PART * old.glideins, _FEW_GLIDEINS):
        return f"glideins fell from {old.glideins} to {now.glideins}, and {lost} pilots run on"
    return ""
