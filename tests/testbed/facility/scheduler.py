# SPDX-License-Identifier: Apache-2.0
"""What the services need of a batch system: `Slurm` (slurm.py) or `Pretend` (pretend.py)."""

from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol

PENDING, RUNNING, COMPLETED, CANCELLED = "PENDING", "RUNNING", "COMPLETED", "CANCELLED"
LIVE = frozenset({
    PENDING, RUNNING, "COMPLETING", "CONFIGURING", "REQUEUED", "RESIZING", "SIGNALING", "STAGE_OUT",
    "STOPPED", "SUSPENDED",
})  # fmt: skip


class SubmitError(Exception):
    """sbatch said no; its words ("sbatch: error: …") are the message."""


class SchedulerDown(Exception):
    """The batch system gives no answer; its words are the message."""


class Batch(NamedTuple):
    """A job to submit: a whole `script`, or the `path` of one with `arguments`.

    `options`: words for sbatch ("--job-name=x"); they win over the script's #SBATCH lines.
    """

    script: str = ""
    path: str = ""
    arguments: Sequence[str] = ()
    options: Sequence[str] = ()


class Job(NamedTuple):
    """One job. Times are UNIX seconds, 0 where unknown; `limit_s` 0: none.

    `state`: sacct's word in full (PENDING, RUNNING, COMPLETED, FAILED, CANCELLED, TIMEOUT,
    OUT_OF_MEMORY, NODE_FAIL, PREEMPTED, BOOT_FAIL, DEADLINE, …). `nodes`: "" while it has none.
    """

    id: str
    name: str
    user: str
    state: str
    reason: str = "None"
    nodes: str = ""
    node_count: int = 1
    cpus: int = 1
    account: str = ""
    partition: str = ""
    qos: str = "normal"
    submit_s: float = 0.0
    start_s: float = 0.0
    end_s: float = 0.0
    limit_s: float = 0.0
    exit_code: int = 0
    signal: int = 0
    work_dir: str = ""
    stdout: str = ""
    stderr: str = ""
    command: str = ""
    comment: str = ""
    cancelled_by: int = -1

    def lives(self) -> bool:
        return self.state in LIVE


class Scheduler(Protocol):
    """All methods may be called by several threads; all but `submit` raise SchedulerDown only."""

    def submit(self, batch: Batch) -> str:
        """The job's id. Raises SubmitError or SchedulerDown."""

    def queue(self) -> list[Job]:
        """Jobs that live, of all users, as squeue lists them."""

    def history(self, ids: Collection[str] = ()) -> list[Job]:
        """Jobs that live or have ended, as sacct lists them; all of them without ids."""

    def cancel(self, ids: Collection[str]) -> dict[str, str]:
        """Per id "" or why it could not be cancelled ("Invalid job id specified")."""
