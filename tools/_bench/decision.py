# SPDX-License-Identifier: Apache-2.0
"""What one decision costs in a process of its own, as the schedd's cron starts it.

Counted is the CPU time of the interpreter, the imports, the file of kept answers (read and
written) and the decision. What the schedd, the collector and the configuration would answer is
made up in the same process, and not counted.
"""

import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from _bench.access_point import NoFigures
from _bench.made_up import Sizes

Figures = dict[str, float]
_WARM = 5


def fresh_decisions(sizes: Sizes) -> Figures:
    """Nothing known (cold), nothing changed (warm: the median of five processes), and one group of
    jobs in a hundred new.
    """
    with tempfile.TemporaryDirectory() as state:
        cold = _in_fresh_process(sizes, state)
        # All alike; one alone is as good as the other processes of the machine let it be.
        warm = sorted((_in_fresh_process(sizes, state) for _ in range(_WARM)), key=_cpu)[_WARM // 2]
        changed = _in_fresh_process(replace(sizes, changed=max(sizes.groups // 100, 1)), state)
    return {
        "cold_s": cold["cpu_s"],
        "warm_s": warm["cpu_s"],
        "changed_s": changed["cpu_s"],
        "peak_mb": max(one["peak_mb"] for one in (cold, warm, changed)),
        "evaluated": cold["evaluated"],
        "pilots": cold["pilots"],
        "start_s": warm["start_s"],
        "configuration_s": cold["configuration_s"],
    }


def _cpu(found: Figures) -> float:
    return found["cpu_s"]


def _in_fresh_process(sizes: Sizes, state: str) -> dict[str, float]:
    argv = [sys.executable, "-m", "_bench.one_decision", state, json.dumps(asdict(sizes))]
    done = subprocess.run(
        argv,
        cwd=Path(__file__).resolve().parent.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    if done.returncode:
        raise NoFigures(done.stderr.strip()[-500:])
    found: dict[str, Any] = json.loads(done.stdout)
    return found
