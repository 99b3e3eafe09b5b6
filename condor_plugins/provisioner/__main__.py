# SPDX-License-Identifier: Apache-2.0
"""glidein-provisioner: one cycle, as the schedd's cron starts it (or a person with --dry-run)."""

import argparse
import gc
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from condor_plugins.core.errors import Misconfigured, TryAgain
from condor_plugins.pool.configuration import knob_texts
from condor_plugins.pool.log_file import append
from condor_plugins.provisioner.counting import count_pilots
from condor_plugins.provisioner.cycle import Report, run_cycle
from condor_plugins.provisioner.publishing import attributes

EXIT_OK, EXIT_AGAIN, EXIT_MISCONFIGURED = 0, 75, 78
# Longer than any cycle that makes progress; the kernel ends the process, the next one goes on.
_DEADLINE_S = 300


def main(argv: Sequence[str], out: TextIO, err: TextIO) -> int:
    """stdout: the attributes for the schedd's ad. stderr and GLIDEIN_LOG: what was done."""
    chosen = _parser().parse_args(argv)
    signal.alarm(_DEADLINE_S)
    if chosen.count_pilots:
        return count_pilots(out, err)
    knobs = knob_texts()
    code, lines = EXIT_OK, []
    try:
        report = run_cycle(knobs, chosen.dry_run, chosen.record)
        out.writelines(attributes(report.plan, report.outcomes, report.took_s))
        lines = [*told(report), *(figures(report) if chosen.figures else ())]
    except Misconfigured as problem:
        code, lines = EXIT_MISCONFIGURED, [str(problem)]
    except (TryAgain, OSError) as problem:
        code, lines = EXIT_AGAIN, [str(problem)]
    err.writelines(f"glidein-provisioner: {line}\n" for line in lines)
    if not chosen.dry_run:
        _log(knobs.get("GLIDEIN_LOG", ""), lines, err)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="glidein-provisioner",
        description="One cycle: idle jobs become requests for pilots. The schedd's cron starts it.",
        epilog="Exit: 0 done, 75 no answer or another one at work (try again), 78 misconfigured.",
    )
    parser.add_argument("--dry-run", action="store_true", help="decide and tell, change nothing")
    parser.add_argument(
        "--record",
        action="store_true",
        help="leave a record of this cycle in GLIDEIN_RECORD_DIR, also with --dry-run",
    )
    parser.add_argument("--figures", action="store_true", help="tell what the cycle cost (stderr)")
    parser.add_argument(
        "--count-pilots",
        action="store_true",
        help="on a factory: pilots by account, for its limits",
    )
    return parser


def told(report: Report) -> list[str]:
    """The cycle in words: nothing when nothing was done and nothing is wrong."""
    lines = [f"problem: {text}" for text in report.plan.problems]
    if report.plan.frozen:
        lines.append(f"nothing changed: {report.plan.frozen}")
    if report.plan.doubt:
        lines.append(f"doubt: {report.plan.doubt}")
    if report.unrecorded:
        lines.append(f"no record: {report.unrecorded}")
    return [*lines, *map(str, report.outcomes)]


def figures(report: Report) -> list[str]:
    """Name and number, one a line."""
    plan = report.plan
    found = {
        "queries": report.queries,
        "idle jobs": plan.jobs(),
        "kinds of jobs": len(plan.fates),
        "requests": len(plan.requests),
        "seconds": round(report.took_s, 3),
    }
    return [f"{name}: {number}" for name, number in found.items()]


def _log(path: str, lines: Sequence[str], err: TextIO) -> None:
    """A log that cannot be written is said, and is no reason to fail."""
    try:
        append(Path(path), lines)
    except OSError as problem:
        err.write(f"glidein-provisioner: GLIDEIN_LOG: {problem}\n")


def run() -> None:
    gc.disable()  # it lives for a second, and makes few cycles
    sys.exit(main(sys.argv[1:], sys.stdout, sys.stderr))


if __name__ == "__main__":
    run()
