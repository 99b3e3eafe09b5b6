# SPDX-License-Identifier: Apache-2.0
"""The stand-in of the facilities as a process of its own that a measurement orders about.

Its argument is JSON (gateway_place.py writes it); then stdin has one order a line, {"do": …}, and
stdout one JSON answer to each. The first line tells the port. It ends with its input.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.testbed.facility.globus_worker import unpack
from tests.testbed.facility.keys import public_key
from tests.testbed.facility.pretend import Pretend
from tests.testbed.facility.scheduler import PENDING, Job
from tests.testbed.facility.server import Listen, StandIn
from tests.testbed.facility.world import Settings

PILOTS: dict[str, dict[str, str]] = {}


def main(order: Mapping[str, Any]) -> None:
    """`order`: home, user, client, key (public, PEM), secrets, bearer, token_life_s, latency_s."""
    home = Path(order["home"])
    pretend = Pretend(home=home, user=order["user"])
    settings = Settings(
        user=order["user"],
        token_life_s=order["token_life_s"],
        clients={order["client"]: public_key(order["key"]), **order["secrets"]},
        bearers=frozenset({order["bearer"]}),
    )
    listen = Listen(latency_s=order["latency_s"])
    with StandIn(pretend, settings, home, listen) as standin:
        _say(standin.ports()[0])
        for line in sys.stdin:
            _say(_done(standin, pretend, json.loads(line)))


def _say(value: Any) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def _done(standin: StandIn, pretend: Pretend, order: Mapping[str, Any]) -> Any:
    match order["do"]:
        case "faults":
            standin.world.faults.clear()
            return standin.faults(*order["faults"])
        case "forget":
            return standin.log.clear()
        case "requests":
            return [[*kind, times] for kind, times in standin.log.counts().items()]
        case "hit":
            return Counter(line.fault for line in standin.requests() if line.fault)
        case "jobs":
            return [_told(job, PILOTS) for job in pretend.history()]
    return _lived(pretend, order)


def _lived(pretend: Pretend, order: Mapping[str, Any]) -> None:
    """Jobs begin, or end."""
    waiting = [job.id for job in pretend.queue() if job.state == PENDING]
    for job_id in waiting if order["do"] == "run" else []:
        pretend.run(job_id)
    for job_id in order.get("ids", []):
        pretend.end(job_id)


def _told(job: Job, pilots: dict[str, dict[str, str]]) -> dict[str, str]:
    """Of a task of Globus Compute its id and its pilot's name: the batch job only carries it.

    `pilots`: what was read of tasks before, by batch job; their files go away at the end.
    """
    found = {"id": job.id, "name": job.name, "job": job.id, "state": job.state}
    if not job.name.startswith("globus-"):
        return found
    if job.id not in pilots:
        task = Path(job.stdout).parent / "task.json"
        said = json.loads(task.read_text(encoding="utf-8"))
        ((asked,),) = _values([unpack(said["payload"])[1]])
        pilots[job.id] = {"id": said["id"], "name": asked["name"]}
    return {**found, **pilots[job.id]}


def _values(buffers: Iterable[str]) -> list[Any]:
    """What is in buffers of JSON."""
    return [json.loads(one.partition("\n")[2]) for one in buffers]


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
