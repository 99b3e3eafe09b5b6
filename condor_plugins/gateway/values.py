# SPDX-License-Identifier: Apache-2.0
"""What the gateway's parts tell each other: a job as HTCondor asked for it, and as it stands."""

from typing import NamedTuple

from condor_plugins.facility.values import Resources

# The life of a record. INTENDED: on disk, not sent. SENT: a request was made, its answer is not
# known. SUBMITTED: known by its remote id. ENDED: over there, files not fetched yet. DONE: fetched.
# REFUSED: the batch system said no. CANCELLED: HTCondor took it back. The last three are final.
INTENDED, SENT, SUBMITTED, ENDED = "intended", "sent", "submitted", "ended"
DONE, REFUSED, CANCELLED = "done", "refused", "cancelled"
FINAL = (DONE, REFUSED, CANCELLED)


class WrongJob(Exception):
    """A job that cannot be submitted, with the attribute and the reason; it is held with that."""


class JobRequest(NamedTuple):
    """One job as the gridmanager hands it over; paths of this host are absolute.

    `command`: "./NAME" is the input of that name, else a program at the facility.
    `key`: JobDirectory, the same in each retry of the job. `outputs`: (name in the job's
    directory, path here). Empty `stdin`, `stdout`, `stderr`: not wanted.
    """

    key: str
    command: str
    arguments: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]
    inputs: tuple[str, ...]
    outputs: tuple[tuple[str, str], ...]
    stdin: str
    stdout: str
    stderr: str
    resources: Resources


class Record(NamedTuple):
    """One row of the ledger. Times are UNIX seconds, 0 for not yet.

    `name`: the job's name at the facility; `handle`: the third part of the blah id, by which
    HTCondor asks (the remote id, or the name where that was not known in time). `request`:
    JSON of the JobRequest, "" for a job that was not sent from here. `remote`: JSON of the last
    RemoteJob, "" before the first. `told`: how often HTCondor was given the handle or, when
    refused, an answer. `seen_s`: when the facility last said something new of it. `missing_s`:
    since when it is not found. `sends`: how many requests may have reached the facility.
    """

    name: str
    key: str
    handle: str
    phase: str
    request: str
    remote_id: str = ""
    hint: str = ""
    remote: str = ""
    error: str = ""
    told: int = 0
    made_s: float = 0.0
    sent_s: float = 0.0
    submitted_s: float = 0.0
    seen_s: float = 0.0
    missing_s: float = 0.0
    ended_s: float = 0.0
    cancel_wanted: int = 0
    cleaned: int = 0
    published: str = ""
    sends: int = 0


class Answer(NamedTuple):
    """A status for HTCondor; `attributes` are ClassAd values as Python values."""

    status: int
    attributes: dict[str, str | int | float | bool]


class FacilityState(NamedTuple):
    """What one gateway knows of its facility, for people; UNIX seconds, 0 for never."""

    state: str = ""
    words: str = ""
    error: str = ""
    error_s: float = 0.0
    answered_s: float = 0.0
    asked_s: float = 0.0
    wait_until_s: float = 0.0
    credential_expires_s: float = 0.0
    credential_words: str = ""
    failures: int = 0
