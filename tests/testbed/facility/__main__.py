# SPDX-License-Identifier: Apache-2.0
"""Run the stand-in: `python3 -m facility --port 8080 --port 5000 --user glidein …`.

Started by root it binds its ports, reads keys and opens its logs, then becomes --user for good.
One line of JSON on stdout says that it serves: {"scheduler", "user", "ports"}.
Secrets come from files only. Ends by SIGTERM or SIGINT.
"""

import argparse
import json
import os
import pwd
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .files import Files, become, user_name
from .keys import public_key
from .pretend import Life, Pretend
from .pretend_run import Processes
from .scheduler import Scheduler
from .server import Listen, StandIn
from .slurm import JobComp, Slurm
from .world import Settings


def main(words: Sequence[str]) -> None:
    args = arguments().parse_args(words)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    home = Path(args.home or pwd.getpwnam(args.user).pw_dir)
    log = args.log.open("a", encoding="utf-8") if args.log else None
    listen = Listen(args.host, args.port or [8080], args.latency_ms / 1000, log)
    standin = StandIn(scheduler(args, home), settings(args), home, listen)
    become(args.user, home)
    with standin:
        ready = {"scheduler": args.scheduler, "user": args.user, "ports": standin.ports()}
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        signal.sigwait({signal.SIGTERM, signal.SIGINT})


def scheduler(args: argparse.Namespace, home: Path) -> Scheduler:
    if args.scheduler == "slurm":
        jobcomp = JobComp(args.jobcomp) if args.jobcomp else None
        if jobcomp:
            jobcomp.open()
        return Slurm(Files(home), jobcomp)
    processes = Processes(home / ".facility-spool", args.run) if args.run else None
    return Pretend(Life(args.start_after, args.run_for), processes, home=home, user=args.user)


def settings(args: argparse.Namespace) -> Settings:
    clients: dict[str, Any] = {name: public_key(text) for name, text in files(args.client)}
    clients.update((name, text.strip()) for name, text in files(args.secret))
    bearers = frozenset(path.read_text(encoding="utf-8").strip() for path in args.bearer)
    options = dict(pair.split("=", 1) for pair in args.option)
    return Settings(
        args.machine, args.user, args.token_life, args.task_s, clients, bearers, options
    )


def files(pairs: Sequence[str]) -> list[tuple[str, str]]:
    """NAME=FILE: the name and what the file holds."""
    split = [pair.split("=", 1) for pair in pairs]
    return [(name, Path(path).read_text(encoding="utf-8")) for name, path in split]


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="facility", allow_abbrev=False)
    add = parser.add_argument
    add("--host", default="0.0.0.0", help="address to listen on")  # noqa: S104 - other hosts ask
    add("--port", type=int, action="append", help="may be given often (8080)")
    add("--scheduler", choices=["slurm", "pretend"], default="slurm")
    add("--user", default=user_name(os.geteuid()), help="the account that all clients act as")
    add("--home", help="its home directory, if not the account's own")
    add("--machine", default="perlmutter")
    add("--client", action="append", default=[], metavar="ID=FILE", help="SFAPI: JWK or PEM")
    add("--secret", action="append", default=[], metavar="ID=FILE", help="Globus")
    add("--bearer", action="append", default=[], type=Path, metavar="FILE", help="IRI token")
    add("--option", action="append", default=[], metavar="NAME=VALUE", help="of one service")
    add("--token-life", type=float, default=600.0, metavar="S")
    add("--task-s", type=float, default=0.0, metavar="S", help="what each task takes at least")
    add("--latency-ms", type=float, default=0.0, help="added to every request")
    add("--log", type=Path, metavar="FILE", help="one line of JSON for each request")
    add("--jobcomp", type=Path, metavar="FILE", help="slurm: JobCompLoc of jobcomp/filetxt")
    add("--run", type=int, default=0, metavar="SLOTS", help="pretend: really run the scripts")
    add("--start-after", type=float, metavar="S", help="pretend: jobs start by themselves")
    add("--run-for", type=float, metavar="S", help="pretend: and end")
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
