# SPDX-License-Identifier: Apache-2.0
"""Tasks of Globus Compute, each with a directory of its own that the worker reads and writes."""

import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WORKER = Path(__file__).with_name("globus_worker.py")
RECEIVED, NO_ENDPOINT, NO_NODES = "received", "waiting-for-ep", "waiting-for-nodes"
RUNNING, SUCCESS, FAILED = "running", "success", "failed"


@dataclass
class Task:
    """`payload`: function, arguments and keywords, packed. `job`: the batch job that runs it.

    `lost`: its result is thrown away on order; it runs for ever.
    """

    id: str
    group: str
    endpoint: str
    payload: str
    serializers: tuple[str, ...]
    options: tuple[str, ...]
    directory: Path
    status: str = RECEIVED
    job: str = ""
    result: str = ""
    exception: str = ""
    completed_s: float = 0.0
    lost: bool = False

    def over(self) -> bool:
        return self.status in {SUCCESS, FAILED}

    def row(self) -> dict[str, Any]:
        """The task as the service tells of it."""
        row = {"task_id": self.id, "status": self.status, "task_group_id": self.group}
        if not self.over():
            return row
        outcome = {"result": self.result} if self.status == SUCCESS else {}
        failure = {"exception": self.exception} if self.status == FAILED else {}
        return {**row, **outcome, **failure, "completion_t": str(self.completed_s)}

    def lay_out(self) -> list[str]:
        """Write the directory; returns the words that run the worker, without the interpreter."""
        self.directory.mkdir(parents=True, mode=0o700, exist_ok=True)
        worker = self.directory / "worker.py"
        worker.write_bytes(WORKER.read_bytes())
        task = {"id": self.id, "payload": self.payload, "serializers": self.serializers}
        (self.directory / "task.json").write_text(json.dumps(task))
        return [str(worker), str(self.directory)]

    def collect(self) -> bool:
        """Take the result if it is there."""
        try:
            answer = json.loads((self.directory / "result.json").read_text())
        except FileNotFoundError:
            return False
        if "result" in answer:
            self.result = answer["result"]
        self.end(SUCCESS if "result" in answer else FAILED, answer.get("exception", ""))
        return True

    def end(self, status: str, exception: str = "") -> None:
        """The status last: who reads it without a lock then finds the rest."""
        shutil.rmtree(self.directory, ignore_errors=True)
        self.exception, self.completed_s = exception, time.time()
        self.status = status

    def lose_worker(self, why: str) -> None:
        self.end(FAILED, f"ManagerLost: Task failure due to loss of manager: {why}")
