# SPDX-License-Identifier: Apache-2.0
"""Runs at a Globus Compute worker, sent there as text: the function is the pilot.

Python 3.6 and its standard library are enough. Nothing here raises: a task that fails has a
traceback for an answer, one that returns tells whose it is.
"""

import base64
import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
from typing import Any

PROBLEMS = (
    *(OSError, ValueError, TypeError, LookupError, AttributeError, RuntimeError),
    subprocess.SubprocessError,
)
MOST_TAIL = 20000
LOOK_S = 5.0
GRACE_S = 30.0


def pilot(asked: "dict[str, str]") -> "dict[str, Any]":
    """asked: name, root, log, script (base64). The answer: name, rc, out, err, node, start, end.

    rc is None if the script did not run, negative for a signal; out is the end of the log.
    """
    answer: Any = {"name": "", "rc": None, "out": "", "err": "", "node": "", "stopped": False}
    answer["start"] = time.time()
    try:
        answer["name"] = asked["name"]
        answer["node"] = socket.gethostname()
        answer.update(run(asked, os.path.join(asked["root"], "stop", asked["name"])))
    except PROBLEMS as err:
        answer["err"] = f"{type(err).__name__}: {err}"[:1000]
    answer["end"] = time.time()
    return answer  # type: ignore[no-any-return]


def run(asked: "dict[str, str]", stop: str) -> "dict[str, Any]":
    """The script may hold secrets: it is read from a file without a name, which no kill leaves."""
    if os.path.exists(stop):
        os.unlink(stop)
        return {"stopped": True, "err": "cancelled before it began"}
    os.makedirs(os.path.dirname(asked["log"]), mode=0o700, exist_ok=True)
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
    with tempfile.TemporaryFile() as script:
        script.write(base64.b64decode(asked["script"]))
        script.flush()
        with os.fdopen(os.open(asked["log"], flags, 0o600), "a+b", 0) as log:
            child = subprocess.Popen(
                ["/bin/sh", f"/dev/fd/{script.fileno()}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=asked["root"],
                pass_fds=(script.fileno(),),
                start_new_session=True,
            )
            stopped = watch(child, stop)
            log.seek(max(os.fstat(log.fileno()).st_size - MOST_TAIL, 0))
            out = log.read(MOST_TAIL).decode("utf-8", "replace")
    err = "cancelled" if stopped else ""
    return {"rc": child.returncode, "out": out, "err": err, "stopped": stopped}


def watch(child: Any, stop: str) -> bool:
    """Until it ends; a stop file ends the whole group, first politely. Whether there was one."""
    stopped = False
    try:
        while not ended(child, LOOK_S):
            if os.path.exists(stop):
                stopped = True
                os.killpg(child.pid, signal.SIGTERM)
                ended(child, GRACE_S)
                break
    finally:
        # What the script left running would hold the worker's cores; the group is only ours.
        with contextlib.suppress(OSError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    if stopped:
        os.unlink(stop)
    return stopped


def ended(child: Any, within_s: float) -> bool:
    try:
        child.wait(timeout=within_s)
    except subprocess.TimeoutExpired:
        return False
    return True
