# SPDX-License-Identifier: Apache-2.0
"""/_control/: faults, the request log and the life of pretended jobs; from the same host only.

POST /_control/faults   a fault or a list of them (faults.py)     DELETE: none any more
GET  /_control/log      counts by route; ?lines=N: the last N requests as well
POST /_control/reset    no faults, an empty log
POST /_control/run      {"id": …}                                 pretended jobs only
POST /_control/end      {"id": …, "exit_code"?, "signal"?, "state"?}
"""

from collections.abc import Mapping
from typing import Any

from .log import Log, as_rows
from .pretend import Pretend
from .wire import Request, Response, Routes, Stop, answer
from .world import World


class Control:
    def __init__(self, world: World, log: Log) -> None:
        self.world, self.log = world, log
        self._routes = Routes(
            "/_control",
            {
                "POST /faults": self._add,
                "DELETE /faults": self._clear,
                "GET /log": self._log,
                "POST /reset": self._reset,
                "POST /run": self._run,
                "POST /end": self._end,
            },
        )

    def handle(self, request: Request) -> Response:
        try:
            response = self._routes.handle(request)
        except (ValueError, KeyError, TypeError) as error:
            response = answer({"detail": f"{error}"}, 422)
        return response or answer({"detail": "Not found"}, 404)

    def _add(self, request: Request, _: Mapping[str, str]) -> Response:
        specs = request.json()
        self.world.faults.add(specs if isinstance(specs, list) else [specs])
        return answer({})

    def _clear(self, _request: Request, _: Mapping[str, str]) -> Response:
        self.world.faults.clear()
        return answer({})

    def _log(self, request: Request, _: Mapping[str, str]) -> Response:
        counts = self.log.counts()
        told: dict[str, Any] = {"total": sum(counts.values()), "counts": as_rows(counts.items())}
        last = int(request.value("lines", "0"))
        if last:
            told["lines"] = [line._asdict() for line in self.log.lines()[-last:]]
        return answer(told)

    def _reset(self, _request: Request, _: Mapping[str, str]) -> Response:
        self.world.faults.clear()
        self.log.clear()
        return answer({})

    def _run(self, request: Request, _: Mapping[str, str]) -> Response:
        self._pretend().run(str(request.json()["id"]))
        return answer({})

    def _end(self, request: Request, _: Mapping[str, str]) -> Response:
        how = request.json()
        self._pretend().end(
            str(how["id"]),
            int(how.get("exit_code", 0)),
            int(how.get("signal", 0)),
            str(how.get("state", "")),
        )
        return answer({})

    def _pretend(self) -> Pretend:
        if isinstance(self.world.scheduler, Pretend):
            return self.world.scheduler
        raise Stop(answer({"detail": "the scheduler is a real one"}, 409))
