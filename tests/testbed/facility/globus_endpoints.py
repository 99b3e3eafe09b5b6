# SPDX-License-Identifier: Apache-2.0
"""The two endpoints: one runs tasks at once on the login node, one in batch jobs ("blocks")."""

import queue
import shlex
import subprocess
import threading
import time
from collections.abc import Collection, Mapping
from typing import Any, Protocol

from .faults import Faults
from .globus_tasks import FAILED, NO_ENDPOINT, NO_NODES, RUNNING, Task
from .scheduler import PENDING, Batch, Job, Scheduler, SchedulerDown, SubmitError

WORKERS = 8
QUEUE_AGE_S = 0.5


class Endpoint(Protocol):
    """`refresh` brings tasks that are not over up to date, as far as that can be known."""

    def start(self, task: Task) -> None: ...

    def refresh(self, tasks: Collection[Task]) -> None: ...


class _Manager:
    """Threads that begin with tasks in turn, while the endpoint is online."""

    def __init__(self, faults: Faults, workers: int) -> None:
        self._todo: queue.SimpleQueue[Task] = queue.SimpleQueue()
        self._faults, self._most, self._threads = faults, workers, 0
        self._lock = threading.Lock()

    def start(self, task: Task) -> None:
        task.status = NO_ENDPOINT
        if self._faults.take("task-stuck"):
            return
        self._todo.put(task)
        with self._lock:
            if self._threads < self._most:
                self._threads += 1
                threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        while True:
            task = self._todo.get()
            while self._faults.on("offline") or self._faults.on("maintenance"):
                time.sleep(0.05)
            if self._faults.take("task-fails"):
                task.lose_worker("on order")
                continue
            task.lost = self._faults.take("lost-result") is not None
            try:
                self.begin(task)
            except OSError as error:
                task.end(FAILED, f"OSError: {error}")

    def begin(self, task: Task) -> None:
        raise NotImplementedError


class Login(_Manager):
    """Provider `local`: a process of the mapped user for each task, a few at a time."""

    def __init__(self, faults: Faults, python: str) -> None:
        super().__init__(faults, WORKERS)
        self._python = python

    def begin(self, task: Task) -> None:
        argv = [self._python, *task.lay_out()]
        task.status = RUNNING
        with (task.directory / "output").open("wb") as output:
            done = subprocess.run(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                check=False,
            )
        if not task.lost and not task.collect():
            task.lose_worker(f"the worker ended with {done.returncode}")

    def refresh(self, tasks: Collection[Task]) -> None:
        """The threads see to it."""


class Block(_Manager):
    """Provider of a batch system: one batch job for each task; its wall time is the task's end."""

    def __init__(self, faults: Faults, python: str, scheduler: Scheduler, options: str) -> None:
        super().__init__(faults, 1)
        self._python, self._scheduler = python, scheduler
        self._options = shlex.split(options)
        self._asking = threading.Lock()
        self._asked_s, self._queue = 0.0, dict[str, Job]()

    def begin(self, task: Task) -> None:
        script = f"#!/bin/sh\nexec {shlex.join([self._python, *task.lay_out()])}\n"
        options = [
            f"--job-name=globus-{task.id[:8]}",
            f"--output={task.directory}/output",
            *self._options,
            *task.options,
        ]
        try:
            job = self._scheduler.submit(Batch(script, options=options))
        except SubmitError as error:
            task.end(FAILED, f"ScalingFailed: {error}")
        except SchedulerDown:
            self._todo.put(task)
            time.sleep(QUEUE_AGE_S)
        else:
            task.status, task.job = NO_NODES, job

    def refresh(self, tasks: Collection[Task]) -> None:
        """A job that the batch system does not know says nothing of its task."""
        with self._asking:
            started = [task for task in tasks if task.job and not task.over()]
            waiting = [task for task in started if task.lost or not task.collect()]
            try:
                jobs = self._jobs([task.job for task in waiting])
            except SchedulerDown:
                return
            for task in waiting:
                if task.job in jobs:
                    _settle(task, jobs[task.job])

    def _jobs(self, ids: Collection[str]) -> dict[str, Job]:
        found = {name: job for name, job in self._living().items() if name in ids} if ids else {}
        missing = [name for name in ids if name not in found]
        ended = self._scheduler.history(missing) if missing else []
        return {**found, **{job.id: job for job in ended}}

    def _living(self) -> Mapping[str, Job]:
        if time.monotonic() - self._asked_s > QUEUE_AGE_S:
            self._queue = {job.id: job for job in self._scheduler.queue()}
            self._asked_s = time.monotonic()
        return self._queue


def _settle(task: Task, job: Job) -> None:
    """What the state of its job says of a task that had no result a moment ago."""
    if job.lives():
        task.status = NO_NODES if job.state == PENDING else RUNNING
    elif task.lost:
        task.status = RUNNING
    elif not task.collect():
        task.lose_worker(f"batch job {job.id} ended: {job.state}")


def block_options(config: Mapping[str, Any], resources: Mapping[str, Any]) -> tuple[str, ...]:
    """Words for sbatch from `user_endpoint_config` and `resource_specification`."""
    words = {
        "partition": config.get("partition") or config.get("queue"),
        "account": config.get("account"),
        "time": config.get("walltime"),
        "constraint": config.get("constraint"),
        "nodes": resources.get("num_nodes") or config.get("nodes_per_block"),
    }
    found = [f"--{name}={value}" for name, value in words.items() if value]
    lines = str(config.get("scheduler_options") or "").splitlines()
    return (
        *found,
        *(word for line in lines for word in shlex.split(line.removeprefix("#SBATCH"))),
    )
