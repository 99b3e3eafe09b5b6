# SPDX-License-Identifier: Apache-2.0
"""Runs at a Globus Compute endpoint on a login node, sent there as text: pilots as Slurm jobs.

Python 3.6 and its standard library are enough. Nothing here raises, and one bad item does not
lose the others. Every operation may come twice: the service may deliver a task again.
"""

import base64
import fcntl
import getpass
import os
import re
import signal
import subprocess
import time
from typing import Any

PROBLEMS = (
    *(OSError, ValueError, TypeError, LookupError, AttributeError, RuntimeError),
    subprocess.SubprocessError,
)
# What the commands get of the endpoint's environment: neither its Python nor a job around it.
KEPT = ("HOME", "USER", "LOGNAME", "PATH", "SHELL", "LANG", "TZ", "SLURM_CONF")
COMMAND_S = 60.0
# Words of sbatch: what the controller may have heard, and what it did not.
DOUBTFUL = r"timed out|zero bytes|communication|connection (?:reset|closed)|broken pipe"
PASSING = r"unable to contact|temporarily|try again|not responding|standby|connection refused"
NOTE_S = 14 * 86400.0
FIELDS = ("jobid", "name", "state", "time", "start_time", "nodelist", "reason")
SQUEUE = "%i|%j|%T|%M|%S|%N|%r"
SACCT = ("jobidraw", "jobname", "state", "exitcode", "elapsed", "start", "nodelist")
SCONTROL = {
    **{"JobId": "jobid", "JobName": "jobname", "JobState": "state", "Reason": "reason"},
    **{"ExitCode": "exitcode", "RunTime": "elapsed", "StartTime": "start", "NodeList": "nodelist"},
}
# Of jobs in another state squeue has told all it knows; exit codes are elsewhere.
LIVE = ("PENDING", "RUNNING", "CONFIGURING", "COMPLETING", "SUSPENDED", "REQUEUED", "STOPPED")


def slurm(asked: "dict[str, Any]") -> "dict[str, Any]":
    """asked: op (submit, states, cancel), root, and what the operation needs.

    The answer: ok, and error or what the operation tells.
    """
    try:
        operation = {"submit": submit, "states": states, "cancel": cancel}
        return dict({"ok": True}, **operation[asked["op"]](asked))
    except PROBLEMS as err:
        return {"ok": False, "error": words(err)}


def submit(asked: "dict[str, Any]") -> "dict[str, Any]":
    """items by name: {"id"} or {"error", "sure", "passing"}; sure: no job was made.

    A note per name, under a lock, and a look into the queue keep a repeated task from submitting
    again; a note left by cancel keeps a late one from submitting at all.
    """
    with Notes(asked["root"]) as notes:
        known = {row["name"]: row["jobid"] for row in queue()}
        return {"items": {job["name"]: submit_one(job, notes, known) for job in asked["jobs"]}}


def submit_one(job: "dict[str, Any]", notes: Any, known: "dict[str, str]") -> "dict[str, Any]":
    try:
        noted = notes.read(job["name"])
        if noted == "cancelled":
            return {"error": "cancelled before it was submitted", "sure": True}
        number = known.get(job["name"]) or noted
        if not number:
            os.makedirs(os.path.dirname(job["log"]), mode=0o700, exist_ok=True)
            script = base64.b64decode(job["script"])
            code, out, err = command(["sbatch", "--parsable", *job["options"]], script)
            number = out.strip().partition(";")[0]
            if code or not number.isdigit():
                # Not there, or the controller did not hear it; killed, or it may have heard.
                unclear = code in {0, 124} or code < 0 or re.search(DOUBTFUL, err, re.I)
                passing = code == 127 or re.search(PASSING, err, re.I)
                told = {"error": err[:1000], "sure": not unclear}
                return dict(told, passing=bool(passing and not unclear))
        notes.write(job["name"], number)
        return {"id": number}
    except PROBLEMS as err:
        return {"error": words(err), "sure": False}


def states(asked: "dict[str, Any]") -> "dict[str, Any]":
    """rows: squeue's, sacct's or scontrol's; unsure: why jobs may exist that are not in it."""
    ids, names = set(asked["ids"]), set(asked["names"])
    listed = [row for row in queue() if row["jobid"] in ids or row["name"] in names]
    live = [row for row in listed if row["state"] in LIVE]
    seen = {row[key] for row in live for key in ("jobid", "name")}
    notes = Notes(asked["root"])
    noted = {number for number in map(notes.read, names - seen) if number.isdigit()}
    over = {row["jobid"] for row in listed} | ids | noted
    past, unsure = history(sorted(over - seen), sorted(names - seen))
    told = {row["jobid"] for row in past + live}
    return {
        "rows": live + past + [row for row in listed if row["jobid"] not in told],
        "unsure": unsure,
    }


def history(ids: "list[str]", names: "list[str]") -> "tuple[list[dict[str, str]], str]":
    """sacct where there is one; else scontrol, which knows ended jobs for some minutes."""
    rows, unsure = [], ""
    asked = [("--jobs=", ids), ("--name=", names)]
    argv = ["sacct", "--noheader", "--allocations", "--parsable2", "--starttime=now-14days"]
    argv.append("--format=" + ",".join(SACCT))
    for option in [option + ",".join(some) for option, some in asked if some]:
        code, out, err = command([*argv, option])
        # Without accounting the queue is all there is to know; a failure is another thing.
        if code and code != 127 and "accounting storage is disabled" not in err:
            unsure = "sacct: " + err[:1000]
        rows += [] if code else table(out, ("jobid", *SACCT[1:]))
    told = {row["jobid"] for row in rows}
    for number in [number for number in ids if number not in told]:
        code, out, err = command(["scontrol", "--oneliner", "show", "job", number])
        if code and "Invalid job id" not in err:
            unsure = unsure or "scontrol: " + err[:1000]
        found_here = dict(re.findall(r"(?:^|\s)([A-Za-z]+)=(\S*)", out))
        row = {SCONTROL[key]: text for key, text in found_here.items() if key in SCONTROL}
        rows += [row] if not code and row.get("jobid") == number else []
    return rows, unsure


def cancel(asked: "dict[str, Any]") -> "dict[str, Any]":
    """items by name: "" once Slurm has it, or the job has ended; else scancel's words."""
    with Notes(asked["root"]) as notes:
        known = {row["name"]: row["jobid"] for row in queue()}
        return {"items": {job["name"]: cancel_one(job, notes, known) for job in asked["jobs"]}}


def cancel_one(job: "dict[str, Any]", notes: Any, known: "dict[str, str]") -> str:
    try:
        number = job["id"] or known.get(job["name"]) or notes.read(job["name"])
        if not number.isdigit():
            notes.write(job["name"], "cancelled")
            return ""
        code, _, err = command(["scancel", number])
        over = "Invalid job id" in err or "already completing or completed" in err
        return err[:1000] if code and not over else ""
    except PROBLEMS as err:
        return words(err)


def queue() -> "list[dict[str, str]]":
    """All of the user's jobs, ended ones too while Slurm remembers them."""
    argv = ["squeue", "--noheader", "--states=all", "--user=" + getpass.getuser()]
    code, out, err = command([*argv, "--format=" + SQUEUE])
    if code:
        raise RuntimeError("squeue: " + err)
    return table(out, FIELDS)


def table(text: str, fields: "tuple[str, ...]") -> "list[dict[str, str]]":
    """A line each; the last field may hold the separator."""
    rows = [line.split("|", len(fields) - 1) for line in text.splitlines()]
    # Python 3.6 has no strict=.
    return [dict(zip(fields, row)) for row in rows if len(row) == len(fields)]  # noqa: B905


class Notes:
    """One small file per name below <root>/names, for the holder of its lock."""

    def __init__(self, root: str) -> None:
        self.folder = os.path.join(root, "names")

    def __enter__(self) -> "Notes":
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        self.lock = open(os.path.join(self.folder, ".lock"), "a")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        return self

    def __exit__(self, *_problem: Any) -> None:
        old_s = time.time() - NOTE_S
        for entry in os.scandir(self.folder):
            if entry.name != ".lock" and entry.stat().st_mtime < old_s:
                os.unlink(entry.path)
        self.lock.close()

    def path(self, name: str) -> str:
        if not re.match(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,62}$", name):
            raise ValueError(f"{name!r} is no name of a job")
        return os.path.join(self.folder, name)

    def read(self, name: str) -> str:
        try:
            with open(self.path(name)) as stream:
                return stream.read(64)
        except FileNotFoundError:
            return ""

    def write(self, name: str, text: str) -> None:
        with open(self.path(name) + "~", "w") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.rename(self.path(name) + "~", self.path(name))


def command(argv: "list[str]", given: bytes = b"") -> "tuple[int, str, str]":
    """Exit code (127: no such program, 124: too slow), what it writes, and its complaint."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    pipe = subprocess.PIPE
    try:
        child = subprocess.Popen(
            argv, stdin=pipe, stdout=pipe, stderr=pipe, env=kept, start_new_session=True
        )
    except FileNotFoundError:
        return 127, "", f"{argv[0]} is not there"
    try:
        out, err = child.communicate(given, timeout=COMMAND_S)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        return 124, "", f"{argv[0]} timed out"
    said = " ".join(err.decode("utf-8", "replace").split())
    return child.returncode, out.decode("utf-8", "replace"), said or f"exit {child.returncode}"


def words(err: BaseException) -> str:
    return f"{type(err).__name__}: {err}"[:1000]
