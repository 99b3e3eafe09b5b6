# SPDX-License-Identifier: Apache-2.0
"""A Superfacility API that answers as it was recorded, and the backend that asks it."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from condor_plugins.facility import sfapi, sfapi_tasks
from condor_plugins.facility.backends import backend
from condor_plugins.facility.sfapi import Sfapi
from condor_plugins.facility.tokens import Token
from condor_plugins.facility.values import Facility
from tests.facility.web_player import Heard, Player, Said, playing, said

BASE, ROOT = "/api/v1.2", "/pscratch/x"
JOBS, TASKS = f"{BASE}/compute/jobs/perlmutter", f"{BASE}/tasks/"
OK = {"status": "OK", "error": None}
ENDS_S = 4e9


class Service:
    """Answers by the end of the path; a test puts others in their place."""

    def __init__(self) -> None:
        done = {"status": "ok", "output": "", "error": "", "exit_code": 0}
        self.plays: dict[str, Callable[[Heard], Said] | Said] = {
            "POST /compute/jobs/perlmutter": said({"task_id": "t1", **OK}),
            "POST /utilities/command/perlmutter": said({"task_id": "c1", **OK}),
            "GET /tasks/t1": task({"status": "ok", "jobid": "98765", "error": None}),
            "GET /tasks/c1": task(done),
            "GET /account/": said({"uid": 1, "name": "alice"}),
        }

    def __call__(self, one: Heard) -> Said:
        key = f"{one.method} {one.path.removeprefix(BASE)}"
        play = self.plays.get(key, said({"detail": "Not found"}, 404))
        return play if isinstance(play, Said) else play(one)

    def queue(self, *rows: Any, ended: Any = ()) -> None:
        """What squeue and sacct show from now on; a Said is their whole answer."""

        def listed(one: Heard) -> Said:
            found = ended if one.query["sacct"] == "true" else rows
            return found if isinstance(found, Said) else said({**OK, "output": list(found)})

        self.plays["GET /compute/jobs/perlmutter"] = listed


class Bench(NamedTuple):
    service: Service
    player: Player
    facility: Facility
    state_dir: Path
    nersc: Sfapi


def task(result: Any, status: str = "completed") -> Said:
    text = None if result is None else json.dumps(result)
    return said({"id": "t1", "status": status, "result": text})


def row(number: str, name: str, state: str = "RUNNING", **values: str) -> dict[str, str]:
    return {"jobid": number, "name": name, "state": state, "nodelist": "nid1"} | values


def ended(number: str, name: str, state: str, exitcode: str = "0:0") -> dict[str, str]:
    return {"jobid": number, "jobname": name, "state": state, "exitcode": exitcode}


def failed(words: str) -> Said:
    return said({"status": "ERROR", "output": [], "error": words})


@contextmanager
def serving(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """With short waits, and a token at hand."""
    monkeypatch.setattr(sfapi_tasks, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(sfapi, "fetched", lambda *_: Token("good", time.time(), ENDS_S))
    service = Service()
    with playing(service) as player:
        facility = Facility("nersc", "SFAPI", player.url + BASE, "perlmutter", ROOT, timeout_s=5.0)
        nersc = backend(facility, state_dir)
        assert isinstance(nersc, Sfapi)
        yield Bench(service, player, facility, state_dir, nersc)
