# SPDX-License-Identifier: Apache-2.0
"""What the cycle tells the schedd: attributes of its ad, for condor_status -schedd.

The schedd keeps an attribute until it is overwritten, so every cycle publishes all of them.
"""

from collections.abc import Iterator, Sequence

import classad2

from condor_plugins.core.plan import Plan, Request
from condor_plugins.provisioner.acting import Outcome


def attributes(plan: Plan, outcomes: Sequence[Outcome], took_s: float) -> Iterator[str]:
    """Lines of one ad, ending with the mark that publishes it."""
    failed = [one for one in outcomes if one.failed]
    values: dict[str, object] = {
        "GlideinCycleTime": int(plan.now_s),
        "GlideinCycleSeconds": round(took_s, 3),
        "GlideinCycleResult": _result(plan, len(failed)),
        "GlideinDoubt": plan.doubt,
        "GlideinProblems": [
            *plan.problems,
            *(f"{one.group}/{one.entry}: {one.failed}" for one in failed),
        ],
        "GlideinIdleJobs": plan.jobs(),
        "GlideinJobsInSlots": sum(fate.in_slots for fate in plan.fates),
        "GlideinJobsInComingPilots": sum(fate.in_coming for fate in plan.fates),
        "GlideinJobsUnmet": sum(fate.unmet for fate in plan.fates),
        "GlideinPilotsWaiting": sum(one.waiting for one in plan.requests),
        "GlideinPilotsRunning": sum(one.running for one in plan.requests),
        "GlideinPilotsHeld": sum(one.held for one in plan.requests),
        "GlideinPilotsWanted": sum(one.wanted for one in plan.requests),
        "GlideinPilotsGranted": sum(one.granted for one in plan.requests),
        "GlideinRequests": [_request(one) for one in plan.requests],
    }
    for name, value in values.items():
        yield f"{name} = {_text(value)}\n"
    yield "- update:true\n"


def _result(plan: Plan, failed: int) -> str:
    if plan.frozen:
        return f"frozen: {plan.frozen}"
    if failed:
        return f"{failed} of {len(plan.actions)} actions failed"
    return f"doubt: {plan.doubt}" if plan.doubt else "ok"


def _request(one: Request) -> classad2.ClassAd:
    ad = classad2.ClassAd()
    for name in ("group", "entry", "waiting", "running", "held", "wanted", "granted"):
        ad[name.capitalize()] = getattr(one, name)
    ad["CutBy"] = list(one.cut_by)
    ad["Shut"] = one.shut
    return ad


def _text(value: object) -> str:
    """A ClassAd value on one line."""
    if isinstance(value, list):
        return "{ " + ", ".join(_text(one) for one in value) + " }"
    if isinstance(value, str):
        return str(classad2.quote(value))
    return " ".join(str(value).split())
