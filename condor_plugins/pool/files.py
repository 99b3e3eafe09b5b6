# SPDX-License-Identifier: Apache-2.0
"""Files of ours: written whole or not at all, one writer at a time."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from condor_plugins.core.errors import Misconfigured, TryAgain

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def write_atomically(path: Path, content: str | bytes, mode: int = 0o644) -> None:
    """A temporary file in the same directory, flushed to disk, then renamed over `path`.

    Its name cannot be guessed, and one that is there is never opened: as mkstemp does, without
    tempfile, which takes 5 ms to import.
    """
    temporary = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    handle = os.open(temporary, _NEW, 0o600)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content.encode() if isinstance(content, str) else content)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


@contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Hold the lock of this file; the kernel lets go of it when the process ends, however it ends.

    Raises TryAgain when another process holds it.
    """
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as err:
        raise Misconfigured(f"GLIDEIN_STATE_DIR: {err}") from err
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as err:
        raise TryAgain("another provisioner is at work") from err
    finally:
        os.close(handle)


@contextmanager
def in_turn(directory: Path, timeout_s: float) -> Iterator[None]:
    """Wait for this directory's lock, hold it meanwhile; no lock file is left behind.

    Raises TryAgain when another process holds it for `timeout_s`.
    """
    try:
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as err:
        raise Misconfigured(f"{directory}: {err.strerror}") from err
    try:
        _wait_for(handle, directory, time.monotonic() + timeout_s)
        yield
    finally:
        os.close(handle)


def _wait_for(handle: int, directory: Path, deadline_s: float) -> None:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as err:
            if time.monotonic() > deadline_s:
                raise TryAgain(f"another process is writing in {directory}") from err
            time.sleep(0.05)
