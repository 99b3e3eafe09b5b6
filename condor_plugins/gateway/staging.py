# SPDX-License-Identifier: Apache-2.0
"""Large files are taken to a facility once, under the name of their SHA-256.

<root>/store/<sha256>.part.NNN are a file's chunks; the first job that needs it puts them together
(job.sh). <root>/store/<sha256> is the file.
"""

import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from condor_plugins.facility.values import Backend, Facility, NoNews
from condor_plugins.gateway.disk import alone
from condor_plugins.gateway.ledger import Ledger, Transaction
from condor_plugins.gateway.script import goes_to_store, store_of
from condor_plugins.gateway.values import JobRequest, WrongJob

_STAGED, _PARTS, _DIGEST, _JOBS = "staged:", "parts:", "digest:", "jobs"
# A purge at the facility may take the directory of jobs away.
_DIRECTORY_S = 3600.0
# Another thread or process may be uploading the same; it is waited for so long.
_TURN_S, _LOOK_S = 300.0, 0.1
_MOST_PARTS = 1000
# The options that say on which machine files lie.
_PLACES = ("Endpoint", "ControlEndpoint", "StorageMachine")


class Store:
    """One facility's store, as this ledger knows it. Safe for many threads and processes."""

    def __init__(
        self,
        backend: Backend,
        facility: Facility,
        ledger: Ledger,
        clock: Callable[[], float] = time.time,
    ) -> None:
        where = (
            *(facility.api, facility.url, facility.machine, facility.root, facility.site_store),
            *(facility.options.get(name, "") for name in _PLACES),
        )
        place = hashlib.sha256(json.dumps(where).encode()).hexdigest()[:16]
        # Facts of one place only: the next configuration may be of another one.
        self._staged, self._parts = f"{_STAGED}{place}:", f"{_PARTS}{place}:"
        self._clock = clock
        self._backend = backend
        self._facility = facility
        self._ledger = ledger
        self._digests: dict[str, str] = {}
        self._lock = threading.Lock()

    def of_request(self, request: JobRequest) -> dict[str, str]:
        """SHA-256 by path of the inputs that lie in the store now; the others go with the job.

        Also sees to the directory that jobs lie in. Raises NoNews, Rejected, WrongJob.
        """
        if self._backend.keeps_files:
            self._make_directory()
        elif not self._facility.site_store:
            return {}
        return self.ensure([path for path in request.inputs if goes_to_store(path)])

    def ensure(self, paths: Iterable[str]) -> dict[str, str]:
        """Upload what is not known to lie there. Raises NoNews, Rejected, WrongJob."""
        digests = {path: self._digest(path) for path in dict.fromkeys(paths)}
        if not self._facility.site_store:
            for path, digest in digests.items():
                if not self._ledger.fact(self._staged + digest):
                    self._stage(path, digest)
        return digests

    def forget(self, rows: Transaction) -> None:
        """Something that should be there is not: all is looked at again before the next job."""
        rows.drop_facts(_STAGED)
        rows.drop_facts(_PARTS)

    def forget_directory(self, rows: Transaction) -> None:
        """The directory of jobs may be gone: it is made anew before the next one."""
        rows.drop_facts(self._staged + _JOBS)

    def look(self) -> None:
        """Read the one small file that surely may be read. Raises NoNews, Rejected."""
        self._backend.get(self._marker(), 64)

    def _marker(self) -> str:
        return f"{self._facility.root.rstrip('/')}/jobs/.glidein"

    def _make_directory(self) -> None:
        age_s = self._clock() - float(self._ledger.fact(self._staged + _JOBS) or 0)
        if 0 <= age_s < _DIRECTORY_S:
            return
        # A batch system needs the directory of its log before any job could make it.
        self._backend.put(self._marker(), b"pilots' files\n")
        self._ledger.set_fact(self._staged + _JOBS, repr(self._clock()))

    def _digest(self, path: str) -> str:
        """Read only once while size, times and inode stay as they are."""
        try:
            found = os.stat(path)
            key = f"{_DIGEST}{found.st_size}.{found.st_mtime_ns}.{found.st_ino}."
            key += os.fsencode(path).hex()  # a path need not be text
            if key not in self._digests:
                self._digests[key] = self._ledger.fact(key) or self._remember(key, path)
        except OSError as err:
            raise WrongJob(f"input {path}: {err.strerror}") from err
        return self._digests[key]

    def _remember(self, key: str, path: str) -> str:
        with open(path, "rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        self._ledger.set_fact(key, digest)
        return digest

    def _stage(self, path: str, digest: str) -> None:
        with self._turn(digest):
            if self._ledger.fact(self._staged + digest):
                return
            there = f"{store_of(self._facility)}/{digest}"
            if self._backend.get(there, 1) is None:
                self._upload(path, digest, there)
            with self._ledger.transaction() as rows:
                rows.set_fact(self._staged + digest, os.fsencode(path).hex())
                rows.drop_facts(self._parts + digest)

    def _upload(self, path: str, digest: str, there: str) -> None:
        """In chunks; what an interrupted upload has done already is not done again."""
        size, name = (
            self._facility.chunk_bytes,
            f"{self._parts}{digest}:{self._facility.chunk_bytes}",
        )
        if os.stat(path).st_size > size * _MOST_PARTS:
            raise WrongJob(f"input {path}: too large for {_MOST_PARTS} chunks of {size} bytes")
        done, seen = int(self._ledger.fact(name) or 0), hashlib.sha256()
        for number, chunk in enumerate(_chunks(path, size)):
            seen.update(chunk)
            if number >= done:
                self._backend.put(f"{there}.part.{number:03}", chunk)
                self._ledger.set_fact(name, str(number + 1))
        if seen.hexdigest() != digest:
            self._ledger.set_fact(name, "0")
            raise NoNews(f"{path} changed while it was staged")

    @contextmanager
    def _turn(self, digest: str) -> Iterator[None]:
        """One upload of this file at a time; the lock dies with its process."""
        deadline = time.monotonic() + _TURN_S
        path = self._ledger.path.with_name(f"stage-{digest[:16]}.lock")
        while True:
            with alone(path) as mine:
                if mine:
                    yield
                    return
            if time.monotonic() > deadline:
                raise NoNews("another process has been staging the same file for long")
            time.sleep(_LOOK_S)


def _chunks(path: str, size: int) -> Iterator[bytes]:
    with open(path, "rb") as stream:
        while chunk := stream.read(size):
            yield chunk
