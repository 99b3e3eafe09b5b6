# SPDX-License-Identifier: Apache-2.0
"""Files of this host: written whole or not at all, and locks that die with their process.

(pool/files.py does the like, but to import it is to import htcondor2.)
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_atomically(path: Path, content: bytes, mode: int = 0o644) -> None:
    """A temporary file in the same directory, flushed to disk, then renamed over `path`."""
    import tempfile  # noqa: PLC0415 (most calls write nothing)

    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".glidein-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


@contextmanager
def alone(path: Path) -> Iterator[bool]:
    """Whether nobody else, no thread and no process, is inside with this lock file."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield _locked(handle)
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
