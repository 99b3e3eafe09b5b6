# SPDX-License-Identifier: Apache-2.0
"""The commands of tools/testbed."""

import os
import sys
from collections.abc import Callable

import click

from _testbed.alone import alone
from _testbed.command import StepFailed
from _testbed.engine import find_engine, require_engine
from _testbed.image import drop_images
from _testbed.inside import Testbed
from _testbed.lifecycle import build_images, remove, up
from _testbed.logs import start_up_words, tail_logs
from _testbed.places import ALL_HOSTS, SECOND, host_named
from _testbed.progress import Progress
from _testbed.second import start_second
from _testbed.status import show_status
from _testbed.waiting import NotInTime

HOST = click.Choice([host.name for host in ALL_HOSTS])


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def commands() -> None:
    """A HTCondor pool (cm, ap), a Slurm cluster (perlmutter) and the product between them.

    \b
    tools/testbed demo                     # empty pool, 60 jobs, everything checked
    tools/testbed up                       # only start it, then look around:
    tools/testbed exec ap --user alice -- condor_q
    tools/testbed test                     # all tests, as CI runs them
    """


def run() -> None:
    """Entry point: a step that failed ends with its sentence, not with a traceback."""
    try:
        commands.main(prog_name="tools/testbed", standalone_mode=False)
    except (StepFailed, NotInTime) as problem:
        click.echo(f"testbed: {problem}", err=True)
        sys.exit(1)
    except click.ClickException as problem:
        problem.show()
        sys.exit(problem.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("testbed: interrupted", err=True)
        sys.exit(130)


@commands.command("build")
def build_command() -> None:
    """Make the images, or see that they are up to date.

    \b
    tools/testbed build
    """
    build_images(Progress())


@commands.command("up")
@click.option("--hosts", "more", type=click.Choice([SECOND.name]), help="Start this one as well.")
def up_command(more: str | None) -> None:
    """Start the hosts (and build first where something changed).

    What runs already with the present content stays; anything else is replaced.

    \b
    tools/testbed up
    tools/testbed up --hosts ap2   # and a second Access Point, which uses the first as its factory
    """
    progress = Progress()
    with alone(progress):
        testbed = up(progress)
        if more:
            with progress.step(f"starting {more}"):
                start_second(testbed)


@commands.command("down")
@click.option("--images", is_flag=True, help="Remove the images, too.")
def down_command(images: bool) -> None:
    """Remove the hosts, their network and their file system.

    \b
    tools/testbed down
    tools/testbed down --images
    """
    engine, progress = require_engine(), Progress()
    with alone(progress):
        remove(engine)
        if images:
            drop_images(engine)
    progress.say("nothing of the testbed is left" if images else "the testbed is down")


@commands.command("status")
def status_command() -> None:
    """Say what is built, what runs and what works; exit code 0 only when everything does.

    \b
    tools/testbed status
    """
    sys.exit(0 if show_status(Testbed(require_engine())) else 1)


@commands.command("exec", context_settings={"ignore_unknown_options": True})
@click.argument("host", type=HOST)
@click.option("--user", default="root", show_default=True, help="Account on that host.")
@click.argument("argv", metavar="-- CMD...", nargs=-1, type=click.UNPROCESSED, required=True)
def exec_command(host: str, user: str, argv: tuple[str, ...]) -> None:
    """Run a command on a host, in the user's home directory.

    \b
    tools/testbed exec ap --user alice -- condor_q
    tools/testbed exec ap -- glidein why
    tools/testbed exec perlmutter -- squeue
    tools/testbed exec cm -- bash
    """
    testbed = Testbed(require_engine())
    words = testbed.exec_words(host, user, {})
    if sys.stdin.isatty() and sys.stdout.isatty():
        words.insert(1, "--tty")
    os.execvpe(testbed.engine.name, [testbed.engine.name, *words, *argv], testbed.engine.env)  # noqa: S606


@commands.command("logs")
@click.argument("host", type=HOST)
@click.argument("name", default="")
@click.option("--lines", default=20, show_default=True, help="Lines of each log.")
def logs_command(host: str, name: str, lines: int) -> None:
    """Show the end of a host's logs, or of those whose name contains NAME.

    \b
    tools/testbed logs ap
    tools/testbed logs ap SchedLog --lines 200
    """
    testbed = Testbed(require_engine())
    if not name:
        click.echo(f"==> start-up\n{start_up_words(testbed, host_named(host), lines)}")
    click.echo(tail_logs(testbed, host_named(host), lines, name))


@commands.command("demo")
@click.option("--down", "then_down", is_flag=True, help="Remove the testbed afterwards.")
@click.option("--timeout", "timeout_s", default=420, show_default=True, help="Seconds for jobs.")
def demo_command(then_down: bool, timeout_s: int) -> None:
    """An empty pool, two users, 60 jobs: watch pilots come, work and leave; check everything.

    \b
    tools/testbed demo
    tools/testbed demo --down
    """
    from _testbed.demo import demo  # noqa: PLC0415  rich is not needed for the other commands

    finish(lambda progress: demo(progress, timeout_s), then_down)


@commands.command("test", context_settings={"ignore_unknown_options": True})
@click.option("--keep", is_flag=True, help="Leave the testbed up afterwards.")
@click.argument("arguments", metavar="[PYTEST ARGUMENTS]", nargs=-1, type=click.UNPROCESSED)
def test_command(keep: bool, arguments: tuple[str, ...]) -> None:
    """Run the fast tests here, then the system tests in a fresh testbed; exit code of pytest.

    \b
    tools/testbed test
    tools/testbed test --keep tests/testbed/test_demand.py -k highmem
    """
    from _testbed.suite import run_suite  # noqa: PLC0415

    finish(lambda progress: run_suite(progress, arguments), not keep)


def finish(work: Callable[[Progress], int], then_down: bool) -> None:
    """Exit with the number of `work`; take the testbed away also when it was interrupted."""
    progress = Progress()
    with alone(progress):
        try:
            exit_code = work(progress)
        finally:
            if then_down and (engine := find_engine()):
                remove(engine)
    sys.exit(exit_code)
