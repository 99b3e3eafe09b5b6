# SPDX-License-Identifier: Apache-2.0
"""The files of an ended job come here, and with them what only they can tell."""

import errno
from pathlib import Path
from typing import NamedTuple

from condor_plugins.facility.values import NoAccess, NoNews, Rejected, RemoteJob, Wanted
from condor_plugins.gateway.desk import Desk, remote_of, request_of
from condor_plugins.gateway.disk import write_atomically
from condor_plugins.gateway.script import Place, place_of
from condor_plugins.gateway.values import JobRequest, Record

_STORE_EXIT = 76
_LOG_BYTES = 2000
# It will not work later either: the directory is gone, or is somebody else's.
_HOPELESS = {errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ELOOP}


class Fetched(NamedTuple):
    """`job`: the state, completed by what the files say. `note`: sentences for ExitReason.

    `other_id`: not this one but an earlier copy, of this id, is the job. `directory_doubtful`: the
    job left nothing at all, so perhaps its log had no directory to lie in.
    """

    job: RemoteJob | None = None
    note: str = ""
    other_id: str = ""
    staging_broken: bool = False
    directory_doubtful: bool = False


def fetch(desk: Desk, record: Record) -> Fetched:
    """Write stdout, stderr and outputs to their places here. Raises NoNews, Rejected."""
    request, job = request_of(record), remote_of(record)
    if not desk.backend.keeps_files:
        wanted = request and (request.stdout or request.stderr or request.outputs)
        return Fetched(job, "This facility moves no files: output stays there" if wanted else "")
    place = place_of(desk.facility, record.name)
    job = job or RemoteJob(record.name, record.remote_id, 0, "", ended="lost")
    code = None
    if _is_unsure(job) or record.sends > 1:
        code = _number(desk.backend.get(f"{place.control}/rc", 64))
    if record.sends > 1:
        other = _other(desk, place, record.remote_id)
        if other and code is None:
            return Fetched(other_id=other)
        job = job._replace(id=other or job.id, exit_code=job.exit_code if code is None else code)
    elif code is not None:
        job = job._replace(exit_code=code)
    if job.ended == "lost" and code is None:
        _take_back(desk, record)
    notes = [*_files(desk, place, request)] if request else []
    said = _own_words(desk, place, job)
    broken = bool(said) and job.exit_code == _STORE_EXIT
    note = " ".join([*([said] if said else []), *notes])
    doubtful = not said and _left_nothing(desk, place, job)
    return Fetched(job, note, staging_broken=broken, directory_doubtful=doubtful)


def _left_nothing(desk: Desk, place: Place, job: RemoteJob) -> bool:
    if job.ended not in {"failed", "lost"}:
        return False
    paths = (f"{place.control}/rc", place.log)
    return all(desk.backend.get(path, 64) is None for path in paths)


def _is_unsure(job: RemoteJob) -> bool:
    """No exit code, or a 0 that contradicts the state: the job may have written its own."""
    if job.exit_code is None:
        return True
    return job.exit_code == 0 and not job.signal and job.ended != "completed"


def _take_back(desk: Desk, record: Record) -> None:
    """HTCondor will believe that it is over: should it be there after all, it is to end."""
    try:
        desk.backend.cancel([Wanted(record.name, record.remote_id, record.hint)])
    except NoAccess:
        raise
    except Rejected:
        return


def _number(content: bytes | None) -> int | None:
    text = (content or b"").decode("ascii", "replace").strip()
    return int(text) if text.isdecimal() and len(text) <= 3 else None


def _other(desk: Desk, place: Place, remote_id: str) -> str:
    """The batch id that holds the directory, if it is not this one."""
    content = desk.backend.get(f"{place.control}/batch-id", 64) or b""
    found = content.decode("ascii", "replace").strip()
    same_kind = found[:1].isdecimal() and remote_id[:1].isdecimal()
    other = found.partition(".")[0] != remote_id.partition(".")[0]
    return found if same_kind and other else ""


def _own_words(desk: Desk, place: Place, job: RemoteJob) -> str:
    """Why the job did not come to run its command, where the script or the batch system said so."""
    if job.exit_code == 0 and not job.signal:
        return ""
    said = desk.backend.get(f"{place.control}/error", _LOG_BYTES)
    if said is None and job.ended in {"failed", "lost", "node-failure"}:
        said = desk.backend.get(place.log, _LOG_BYTES)
    lines = (said or b"").decode("utf-8", "replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _files(desk: Desk, place: Place, request: JobRequest) -> list[str]:
    """Sentences about what did not come."""
    most = desk.facility.chunk_bytes
    notes = []
    streams = {request.stderr: "err", request.stdout: "out"}
    for path, name in streams.items():
        if path:
            content = desk.backend.get(f"{place.control}/{name}", most) or b""
            notes.append(_write(path, content))
    for name, path in request.outputs:
        found = desk.backend.get(f"{place.directory}/{name}", most)
        if found is None:
            notes.append(f"The job left no file {name}.")
        elif len(found) >= most:
            notes.append(f"{name} is larger than the {most} bytes that can be fetched.")
        else:
            notes.append(_write(path, found))
    return [note for note in notes if note]


def _write(path: str, content: bytes) -> str:
    """A sentence if that can never work. Raises NoNews when it may work later."""
    try:
        write_atomically(Path(path), content)
    except OSError as err:
        sentence = f"{path} cannot be written: {err.strerror}."
        if err.errno in _HOPELESS:
            return sentence
        raise NoNews(sentence) from err
    return ""
