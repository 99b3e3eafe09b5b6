# SPDX-License-Identifier: Apache-2.0
"""Data that failed or is too young freezes the decision: the last request stays as it is.

No answer is never taken for "nothing there" (a collector that has just restarted shows no slot,
though every glidein is alive).
"""

from condor_plugins.core.policy import Settings
from condor_plugins.core.snapshot import Snapshot


def freeze(seen: Snapshot, settings: Settings) -> str:
    """Why this cycle must change nothing; empty when it may."""
    if seen.failed:
        return "no answer: " + "; ".join(seen.failed)
    lost = sum(one.lost for one in seen.clusters)
    age_s = seen.collector_age_s
    if lost and age_s is not None and age_s < settings.collector_settle_s:
        return f"the collector is up for {age_s:.0f} s and does not show {lost} running pilots yet"
    return ""
