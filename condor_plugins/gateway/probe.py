# SPDX-License-Identifier: Apache-2.0
"""glidein-gateway test NAME: tries a facility, one JSON object a step: step, ok, seconds, words."""

import json
import os
import signal
import sys
from typing import Any

from condor_plugins.core.errors import Misconfigured
from condor_plugins.facility.values import Rejected, Resources
from condor_plugins.gateway.probe_steps import TIMEOUT_S, Probe, Step

TIMEOUT_VARIABLE = "GLIDEIN_TEST_TIMEOUT"
_INTERRUPTED = 130
_TEXTS = {
    "queue": "BatchQueue",
    "project": "BatchProject",
    "constraint": "BatchConstraint",
    "reservation": "BatchReservation",
    "licenses": "BatchLicenses",
    "extra": "BatchExtraSubmitArgs",
}


def main(name: str, timeout_s: float = 0.0) -> int:
    """0: every step went well. Raises Misconfigured for a facility that cannot be read.

    `timeout_s`: longest wait for a job; 0 is what GLIDEIN_TEST_TIMEOUT says, else 300.
    """
    import condor_plugins.pool  # noqa: F401, PLC0415 (htcondor2 before classad2)
    from condor_plugins.facility.backends import backend  # noqa: PLC0415 (what one API needs)
    from condor_plugins.gateway.settings import load  # noqa: PLC0415

    facility, directory = load(name, refresh=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_INTERRUPTED))  # it cleans up on the way
    try:
        made = backend(facility, directory)
        limit_s = timeout_s or float(os.environ.get(TIMEOUT_VARIABLE) or TIMEOUT_S)
        return 0 if Probe(facility, made, say, resources_of(name), limit_s).run() else 1
    except (Rejected, ValueError) as problem:
        raise Misconfigured(f"GLIDEIN_FACILITY_{name}: {problem}") from problem
    except KeyboardInterrupt:
        return _INTERRUPTED


def say(step: Step) -> None:
    """One JSON object a line, at once."""
    sys.stdout.write(json.dumps(step._asdict()) + "\n")
    sys.stdout.flush()


def resources_of(name: str) -> Resources:
    """As the first entry at this facility asks, but one core; plain ones where no entry does."""
    from condor_plugins.core.configuration import read_policy  # noqa: PLC0415 (classad2: 20 ms)
    from condor_plugins.core.facility_job import asked  # noqa: PLC0415
    from condor_plugins.pool.configuration import knob_texts  # noqa: PLC0415 (htcondor2: 50 ms)

    entries = read_policy(knob_texts()).entries.values()
    mine = [one for one in entries if one.at_facility and one.batch_type == name.lower()]
    if not mine:
        return Resources()
    given = asked(mine[0])
    found: dict[str, Any] = {field: given.get(name, "") for field, name in _TEXTS.items()}
    return Resources(**found, gpus=int(given.get("RequestGPUs", 0)))
