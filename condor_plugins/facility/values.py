# SPDX-License-Identifier: Apache-2.0
"""What the gateway and the three APIs tell each other; named tuples, because they import fast."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

IDLE, RUNNING, COMPLETED, HELD = 1, 2, 4, 5


class NoNews(Exception):
    """The facility could not be asked, or gave no usable answer: nothing is known, nothing changed.

    `retry_after_s`: what the facility asked for, 0 if it did not; `maintenance`: it says so itself.
    """

    def __init__(self, reason: str, retry_after_s: float = 0.0, maintenance: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_s = retry_after_s
        self.maintenance = maintenance


class Rejected(Exception):
    """The facility understood and said no (a name, a right, a request); so it will again."""


class NoAccess(Rejected):
    """The credential is refused or unreadable; a person renews it.

    True for all jobs, and nothing is known of any of them.
    """


class Facility(NamedTuple):
    """One GLIDEIN_FACILITY_ ad (docs/knobs.md), checked; times in seconds, sizes in bytes.

    `name`: the batch type, in lower case. `secret`: path of the credential's file, read again at
    each token fetch. `root`: absolute directory at the facility below which all our files lie.
    `options`: the switches of one API only, by attribute name, as text.
    """

    name: str
    api: str
    url: str
    machine: str
    root: str
    secret: str = ""
    secret_kind: str = ""
    client_id: str = ""
    token_url: str = ""
    poll_s: float = 60.0
    timeout_s: float = 20.0
    patience_s: float = 120.0
    grace_s: float = 600.0
    chunk_bytes: int = 4_000_000
    site_store: str = ""
    options: Mapping[str, str] = {}


class Resources(NamedTuple):
    """What a job asks the batch system for; 0 and "" are not asked for. Memory in MiB, per node."""

    queue: str = ""
    project: str = ""
    constraint: str = ""
    reservation: str = ""
    licenses: str = ""
    extra: str = ""
    wall_s: int = 0
    memory_mb: int = 0
    cpus: int = 1
    gpus: int = 0
    nodes: int = 1


class Submission(NamedTuple):
    """One job for the facility.

    `name`: unique, [A-Za-z0-9._-]{1,63}; by it the job is found again. `script`: whole shell
    script in ASCII, first line #!/bin/sh, without directives of a batch system. `log`: absolute
    path at the facility for the batch system's own output.
    """

    name: str
    script: str
    log: str
    resources: Resources


class Accepted(NamedTuple):
    """The facility knows the job by `id`: 1 to 63 characters without blank, '/' and '@'."""

    name: str
    id: str


class Refused(NamedTuple):
    """The batch system said no, in its own words; the job does not exist there."""

    name: str
    reason: str


class Unclear(NamedTuple):
    """No or no usable answer: the job may exist. `hint` helps this backend to find it again."""

    name: str
    reason: str
    hint: str = ""


class NotSent(NamedTuple):
    """Surely not taken (no connection, too many requests, maintenance): to be sent again later."""

    name: str
    reason: str
    retry_after_s: float = 0.0


Outcome = Accepted | Refused | Unclear | NotSent


class Wanted(NamedTuple):
    """A job whose state is asked for; `id` is empty while only its name is known."""

    name: str
    id: str = ""
    hint: str = ""


class RemoteJob(NamedTuple):
    """What the facility says of one job.

    `status`: IDLE, RUNNING or COMPLETED; a word that is not known counts as RUNNING if the job has
    a node, as IDLE otherwise. `word`: the state as the facility writes it. `ended`: "" while it
    lives, else completed, failed, cancelled, time-limit, out-of-memory or node-failure.
    `exit_code` and `signal` are None where the facility does not tell. `start_s`: UNIX seconds of
    the start or its estimate, 0 where unknown.
    """

    name: str
    id: str
    status: int
    word: str
    reason: str = ""
    nodes: str = ""
    start_s: float = 0.0
    exit_code: int | None = None
    signal: int | None = None
    ended: str = ""


class Health(NamedTuple):
    """`state`: up, degraded or down. `words`: the facility's own."""

    state: str
    words: str = ""


class Allocation(NamedTuple):
    """One project's account at the facility, in its own unit (node-hours, core-hours)."""

    project: str
    granted: float
    used: float
    unit: str = "hours"


class CredentialState(NamedTuple):
    """UNIX seconds at which the secret itself (not the token made of it) ends; 0 where unknown."""

    expires_s: float = 0.0
    words: str = ""


class Backend(Protocol):
    """One facility's API. Every call is bounded in time; calls come from several threads.

    All but `submit` raise NoNews or Rejected. Only requests that may be repeated without harm are
    repeated inside; `submit` never repeats a request that may have been taken.
    """

    most_at_once: int
    """The most jobs that one request can submit."""

    keeps_files: bool
    """False where the facility moves no files: then put, get and remove raise Rejected."""

    def submit(self, jobs: Sequence[Submission]) -> list[Outcome]:
        """One outcome per job, in order; raises nothing."""

    def states(self, jobs: Collection[Wanted]) -> dict[str, RemoteJob]:
        """By name: those of `jobs` that the facility knows; the others were not found."""

    def cancel(self, jobs: Collection[Wanted]) -> dict[str, str]:
        """By name: "" once the facility has taken the wish or the job had ended, else its words."""

    def put(self, path: str, content: bytes) -> None:
        """Write a file (mode 0600; directories above are made). At most chunk_bytes."""

    def get(self, path: str, most_bytes: int) -> bytes | None:
        """The file's last `most_bytes` at most; None if it is not there."""

    def remove(self, paths: Sequence[str]) -> None:
        """Remove files and whole directories; one that is not there is no error."""

    def health(self) -> Health:
        """Whether the machine takes jobs now; the cheapest question that there is."""

    def allocation(self) -> list[Allocation]:
        """What is left to use; empty where the facility does not tell."""

    def credential(self) -> CredentialState:
        """When a person has to renew the secret."""

    def login(self) -> float:
        """Get a token if none is at hand; seconds that it is still good for."""
