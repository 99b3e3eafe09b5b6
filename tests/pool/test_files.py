# SPDX-License-Identifier: Apache-2.0
"""Files are whole or as they were; one writer at a time, however it ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from condor_plugins.core.errors import Misconfigured, TryAgain
from condor_plugins.pool.files import only_one, write_atomically

ROOT = Path(__file__).resolve().parents[2]
_HOLD = """
import sys
from pathlib import Path
from condor_plugins.pool.files import only_one
with only_one(Path(sys.argv[1])):
    sys.stdout.write("held\\n")
    sys.stdout.flush()
    sys.stdin.read()
"""
_KILLED = """
import os, signal, sys
from pathlib import Path
from condor_plugins.pool import files
os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)
files.write_atomically(Path(sys.argv[1]), "new " * 10000)
"""


@contextmanager
def holder(lock: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock until its stdin is closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(lock)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_file_is_replaced_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    write_atomically(path, "old")
    write_atomically(path, "new", 0o600)
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["plan.json"]


def test_a_writer_killed_in_between_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    write_atomically(path, "old")
    argv = [sys.executable, "-c", _KILLED, str(path)]
    done = subprocess.run(argv, cwd=ROOT, timeout=30, check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_text() == "old"


def test_a_write_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "plan.json"
    write_atomically(path, "old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, "new")
    assert (path.read_text(), os.listdir(tmp_path)) == ("old", ["plan.json"])


def test_a_second_process_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    lock = tmp_path / "state" / "lock"
    with holder(lock) as first:
        with pytest.raises(TryAgain, match="another provisioner"), only_one(lock):
            pytest.fail("two hold one lock")
        assert first.stdin is not None
        first.stdin.close()
        assert first.wait(timeout=30) == 0
        with only_one(lock):
            pass


def test_a_killed_holder_frees_the_lock(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with holder(lock) as first:
        first.send_signal(signal.SIGKILL)
        first.wait(timeout=30)
        with only_one(lock):
            pass


def test_the_lock_is_free_after_an_error_inside(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with pytest.raises(ZeroDivisionError), only_one(lock):
        _ = 1 / 0
    with only_one(lock):
        pass


def test_a_state_directory_that_cannot_be_made_is_a_mistake_of_configuration(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Misconfigured, match="GLIDEIN_STATE_DIR"), only_one(tmp_path / "file/lock"):
        pytest.fail("a lock without a file")
