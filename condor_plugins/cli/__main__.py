# SPDX-License-Identifier: Apache-2.0
"""glidein: what is asked of which site, and why a job waits. One command a module."""

import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

import click

from condor_plugins.cli.check import check
from condor_plugins.cli.deadline import within
from condor_plugins.cli.down import down
from condor_plugins.cli.entries import entries
from condor_plugins.cli.facility import facility
from condor_plugins.cli.plan import plan
from condor_plugins.cli.replay import replay_command
from condor_plugins.cli.simulate import simulate
from condor_plugins.cli.status import status
from condor_plugins.cli.up import up
from condor_plugins.cli.why import why
from condor_plugins.cli.world import HTCondor, World
from condor_plugins.core.configuration import read_policy
from condor_plugins.core.errors import GiveUp, Misconfigured, TryAgain
from condor_plugins.pool import VERSION
from condor_plugins.pool.configuration import bound_answers

EXIT_OK, EXIT_NOT_GOOD, EXIT_AGAIN, EXIT_MISCONFIGURED = 0, 1, 75, 78
# A command asks several questions; each may take GLIDEIN_TIMEOUT.
_ANSWERS_IN_A_ROW = 3
# These ask no daemon, and take the time that they need.
_ON_ITS_OWN = (["simulate"], ["replay"], ["facility", "test"])


def _version() -> str:
    try:
        return version("htcondor-glideins")
    except PackageNotFoundError:
        return "of a checkout"


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit: 0 good, 1 not good (for example: check found errors), 2 wrong usage,"
    " 75 no answer from a daemon (try again), 78 misconfigured.",
)
@click.version_option(_version(), message=f"glidein %(version)s, HTCondor {VERSION.split()[1]}")
def cli() -> None:
    """HTCondor Glideins: which pilots are asked of which site, and why a job waits.

    \b
    glidein check            is the configuration right?
    glidein status           demand, pilots, slots, the last cycle
    glidein why 12.0         why does this job wait?
    glidein why NERSC_CPU    why does this entry have no more pilots?
    glidein down NERSC_CPU --reason "maintenance" --for 8h
    """


for command in (check, entries, status, plan, why, down, up, facility, simulate, replay_command):
    cli.add_command(command)


def main(argv: Sequence[str], world: World) -> int:
    """Run one command; its exit code. Errors are one line on stderr."""
    try:
        code = cli.main(list(argv) or ["--help"], "glidein", standalone_mode=False, obj=world)
    except click.ClickException as problem:
        return _complain(_usage(problem), problem.exit_code)
    except click.Abort:
        return _complain("interrupted", 130)
    except Misconfigured as problem:
        return _complain(str(problem), EXIT_MISCONFIGURED)
    except TryAgain as problem:
        return _complain(f"no answer: {problem}; try again", EXIT_AGAIN)
    except GiveUp as problem:
        return _complain(str(problem), EXIT_NOT_GOOD)
    return int(code or EXIT_OK)


def _usage(problem: click.ClickException) -> str:
    """A usage error in one line, with the command whose --help tells more."""
    context = problem.ctx if isinstance(problem, click.UsageError) else None
    more = f" (see {context.command_path} --help)" if context else ""
    return problem.format_message() + more


def _complain(text: str, code: int) -> int:
    sys.stderr.write(f"glidein: {' '.join(text.split())}\n")
    return code


def run() -> None:
    """The console script. The command itself runs in a child, so that it cannot wait for ever."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    world = HTCondor()
    if any(sys.argv[1 : 1 + len(words)] == words for words in _ON_ITS_OWN):
        sys.exit(main(sys.argv[1:], world))
    timeout_s = read_policy(world.texts()).settings.timeout_s
    bound_answers(timeout_s)
    limit_s = _ANSWERS_IN_A_ROW * timeout_s
    code = within(limit_s, lambda: main(sys.argv[1:], world))
    if code is None:
        text = f"no answer within {limit_s} s (three times GLIDEIN_TIMEOUT); try again"
        code = _complain(text, EXIT_AGAIN)
    sys.exit(code)


if __name__ == "__main__":
    run()
