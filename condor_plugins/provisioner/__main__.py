# SPDX-License-Identifier: Apache-2.0
"""glidein-provisioner: one cycle, as the schedd's cron starts it (or a person with --dry-run)."""

import argparse
import signal
import sys
from collections.abc import Sequence
from typing import TextIO

from condor_plugins.core.errors import Misconfigured, TryAgain
from condor_plugins.provisioner.cycle import Report, run_cycle
from condor_plugins.provisioner.publishing import attributes

EXIT_OK, EXIT_AGAIN, EXIT_MISCONFIGURED = 0, 75, 78
# Longer than any cycle that makes progress; the kernel ends the process, the next one goes on.
_DEADLINE_S = 300


def main(argv: Sequence[str], out: TextIO, err: TextIO) -> int:
    """stdout: the attributes for the schedd's ad. stderr: what was done, for people."""
    parser = argparse.ArgumentParser(
        prog="glidein-provisioner",
        description="One cycle: idle jobs become requests for pilots. The schedd's cron starts it.",
        epilog="Exit: 0 done, 75 no answer or another one at work (try again), 78 misconfigured.",
    )
    parser.add_argument("--dry-run", action="store_true", help="decide and tell, change nothing")
    chosen = parser.parse_args(argv)
    signal.alarm(_DEADLINE_S)
    try:
        report = run_cycle(chosen.dry_run)
    except Misconfigured as problem:
        err.write(f"glidein-provisioner: {problem}\n")
        return EXIT_MISCONFIGURED
    except TryAgain as problem:
        err.write(f"glidein-provisioner: {problem}\n")
        return EXIT_AGAIN
    out.writelines(attributes(report.plan, report.outcomes, report.took_s))
    err.writelines(f"{line}\n" for line in told(report))
    return EXIT_OK


def told(report: Report) -> list[str]:
    """The cycle in words: nothing when nothing was done and nothing is wrong."""
    lines = [f"problem: {text}" for text in report.plan.problems]
    if report.plan.frozen:
        lines.append(f"nothing changed: {report.plan.frozen}")
    return [*lines, *map(str, report.outcomes)]


def run() -> None:
    sys.exit(main(sys.argv[1:], sys.stdout, sys.stderr))


if __name__ == "__main__":
    run()
