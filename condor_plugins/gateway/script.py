# SPDX-License-Identifier: Apache-2.0
"""The script of one job for the batch system: job.sh, and the lines of this job."""

import base64
import hashlib
import os
import re
import string
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from condor_plugins.facility.values import Facility, Submission
from condor_plugins.gateway.values import JobRequest, WrongJob

MOST_INLINE = 256 * 1024
SMALL = 4096
_PLAIN = frozenset(string.ascii_letters + string.digits + "._/=+:,@%-")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Some shells cannot set these, or do something else when they are set: bash calculates what is
# assigned to RANDOM, and a calculation can run commands.
_SHELLS_OWN = re.compile(
    r"E?UID|PPID|(SHELL|BASH)OPTS|BASHPID|BASH_.*|COMP_.*|S?RANDOM|SECONDS|EPOCH(SECONDS|REALTIME)"
    r"|LINENO|OPTIND|OPTARG|HISTCMD|GROUPS|DIRSTACK|FUNCNAME|IFS|PS4|ENV"
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_END = "END_OF_FILE"  # holds a sign that base64 does not have
_BATCH_ID = "${SLURM_JOB_ID:-${PBS_JOBID:-${LSB_JOBID:-${JOB_ID:-}}}}"


class Place(NamedTuple):
    """Where a job's files lie at the facility; `over`: if it is there, no copy starts any more."""

    directory: str
    control: str
    log: str
    over: str


def name_of(key: str, attempt: int) -> str:
    """The job's name at the facility: always the same for one attempt of one job of HTCondor's."""
    made = "gl-" + hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()[:20]
    return made if attempt < 2 else f"{made}-{attempt}"


def place_of(facility: Facility, name: str) -> Place:
    """The pilot takes a directory named home_bl_… as its own, and removes its token from there."""
    jobs = f"{facility.root.rstrip('/')}/jobs"
    directory = f"{jobs}/home_bl_{name}"
    return Place(directory, f"{directory}/.gl", f"{jobs}/{name}.log", f"{jobs}/{name}.over")


def store_of(facility: Facility) -> str:
    """The directory at the facility where files shared by jobs lie."""
    return facility.site_store or f"{facility.root.rstrip('/')}/store"


def goes_to_store(path: str) -> bool:
    """Large, and no secret: readable by others here. Raises WrongJob."""
    found = _stat(path)
    return found.st_size > SMALL and bool(found.st_mode & 0o077)


def render(
    request: JobRequest, facility: Facility, name: str, stored: Mapping[str, str]
) -> Submission:
    """`stored`: SHA-256 of those inputs that lie in the store, by path; the others go inside.

    Raises WrongJob, also when an input cannot be read.
    """
    place = place_of(facility, name)
    lines = [
        _head(),
        # A worker that runs many jobs in one batch job has one number for all of them.
        f"begin {word(facility.root.rstrip('/'))} {name} {word(store_of(facility))}"
        + ("" if _is_task(facility) else f' "{_BATCH_ID}"'),
        *_files(request, stored),
        *_stdin(request),
        *_job(request),
        _run(request),
        "",
    ]
    return Submission(name, "\n".join(lines), place.log, request.resources)


def word(text: str) -> str:
    """A shell word that is this text, in ASCII. Raises WrongJob for what no word can carry."""
    if _CONTROL.search(text):
        raise WrongJob(f"{text[:60]!r} holds a control character, which cannot be carried over")
    if text and _PLAIN.issuperset(text):
        return text
    if text.isascii():
        return "'" + text.replace("'", "'\\''") + "'"
    octal = "".join(f"\\0{byte:03o}" for byte in os.fsencode(text))
    return f"\"$(printf '%b' '{octal}')\""


@cache
def _head() -> str:
    return Path(__file__).with_name("job.sh").read_text(encoding="ascii").rstrip("\n")


def _is_task(facility: Facility) -> bool:
    return facility.api == "globus" and facility.options.get("Mode", "task").lower() == "task"


def _files(request: JobRequest, stored: Mapping[str, str]) -> Iterator[str]:
    taken: set[str] = {".gl"}
    inlined = _stat(request.stdin).st_size if request.stdin else 0
    for path in dict.fromkeys(request.inputs):
        name = os.path.basename(path)
        if name in taken or name in {"", ".", ".."}:
            raise WrongJob(f"{path}: the job would have two files named {name!r}, or none")
        taken.add(name)
        found = _stat(path)
        mode = "700" if found.st_mode & 0o100 else "600"
        if path in stored:
            yield f"store {word(name)} {mode} {stored[path]}"
            continue
        inlined += found.st_size
        if inlined > MOST_INLINE:
            raise WrongJob(
                f"{path}: with it, more than {MOST_INLINE // 1024} KiB would go inside the job's"
                " script; larger files go to the facility's store, unless they are secret (not"
                " readable by others) or the facility can move no files and has no SiteStore"
            )
        yield _inline(name, mode, path)


def _stdin(request: JobRequest) -> Iterator[str]:
    if request.stdin:
        yield _inline(".gl/in", "600", request.stdin)


def _inline(name: str, mode: str, path: str) -> str:
    try:
        text = base64.encodebytes(Path(path).read_bytes()).decode("ascii")
    except OSError as err:
        raise WrongJob(f"input {path}: {err.strerror}") from err
    return f"inline {word(name)} {mode} <<'{_END}'\n{text}{_END}"


def _job(request: JobRequest) -> Iterator[str]:
    yield "job() {"
    yield '    cd "$dir"'
    for name, value in request.environment:
        if not _VARIABLE.fullmatch(name) or _SHELLS_OWN.fullmatch(name):
            raise WrongJob(f"Environment: {name[:60]!r} cannot be set by the job's shell")
        yield f"    {name}={word(value)}"
        yield f"    export {name}"
    words = [word(text) for text in (request.command, *request.arguments)]
    yield f"    exec {' '.join(words)}"
    yield "}"


def _run(request: JobRequest) -> str:
    stdin = '"$control/in"' if request.stdin else "/dev/null"
    same = request.stderr and request.stderr == request.stdout
    return f"run {stdin} {'out' if same else 'err'}"


def _stat(path: str) -> os.stat_result:
    try:
        found = os.stat(path)
    except (OSError, ValueError) as err:
        raise WrongJob(f"input {path}: {getattr(err, 'strerror', err)}") from err
    if not os.path.isfile(path):
        raise WrongJob(f"input {path}: not a file (directories are not carried over)")
    return found
