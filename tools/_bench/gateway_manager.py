# SPDX-License-Identifier: Apache-2.0
"""A resident gateway, driven over its protocol as HTCondor's gridmanager does it."""

import os
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple, cast

from _bench.access_point import NoFigures
from _bench.gateway_place import NAME, Place

PROGRAM = (sys.executable, "-m", "condor_plugins.gateway", "gahp")
# What the gridmanager asserts: the words of a result, without the request id.
WORDS = {"BLAH_PING": 2, "BLAH_JOB_SUBMIT": 3, "BLAH_JOB_STATUS": 4, "BLAH_JOB_CANCEL": 2}
MOST_IN_FLIGHT = 50  # GRIDMANAGER_MAX_PENDING_REQUESTS
ANSWER_S = 20.0  # GRIDMANAGER_GAHP_RESPONSE_TIMEOUT
RESULT_S = 300.0  # GRIDMANAGER_GAHP_CALL_TIMEOUT
TICKS_S = os.sysconf("SC_CLK_TCK")


class Result(NamedTuple):
    """`words`: without the request id; the first is the code, "0" for success."""

    reqid: int
    verb: str
    words: list[str]


class Gridmanager:
    """One gateway process. Raises NoFigures for what would end the real gridmanager."""

    def __init__(self, place: Place) -> None:
        with (place.base / "stderr").open("ab") as stderr:
            self._process = subprocess.Popen(
                PROGRAM,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=place.environment,
                cwd=place.base,
                bufsize=0,
            )
        self._stdin = cast(IO[bytes], self._process.stdin)
        self._stdout = cast(IO[bytes], self._process.stdout)
        self._read, self._lines = b"", list[str]()
        self._announced = False
        self._reqid = 0
        self.slowest_s = 0.0
        self.flying: dict[int, str] = {}
        if not self._line(ANSWER_S).startswith("$"):
            raise NoFigures("the gateway does not greet")
        self._ask("COMMANDS")
        self._ask("ASYNC_MODE_ON")

    @property
    def pid(self) -> int:
        return self._process.pid

    def start(self, verb: str, *words: str) -> int:
        """A command with a result; its request id."""
        self._reqid += 1
        self.flying[self._reqid] = verb
        self._ask(verb, str(self._reqid), *words)
        return self._reqid

    def results(self, timeout_s: float) -> list[Result]:
        """Those that are there within this time; as soon as there is any."""
        deadline_s = time.monotonic() + timeout_s
        while not self._announced:
            left_s = deadline_s - time.monotonic()
            if left_s < 0 or not (self._lines or self._readable(left_s)):
                return []
            if self._line(ANSWER_S) != "R":
                raise NoFigures("the gateway says something that nobody asked for")
            self._announced = True
        self._announced = False
        count = int(read_words(self._ask("RESULTS"))[1])
        return [self._result(read_words(self._line(ANSWER_S))) for _ in range(count)]

    def call(self, verb: str, *words: str, timeout_s: float = RESULT_S) -> list[str]:
        """One command with nothing else under way; its result."""
        reqid, deadline_s = self.start(verb, *words), time.monotonic() + timeout_s
        while time.monotonic() < deadline_s:
            for one in self.results(1):
                if one.reqid == reqid:
                    return one.words
        raise NoFigures(f"no result of {verb} within {timeout_s:g} s")

    def kill(self) -> None:
        """The gateway dies."""
        self._process.kill()
        self.end(ANSWER_S)

    def leave(self) -> None:
        """The gridmanager dies: nobody reads any more, and the gateway is to end by itself."""
        self._stdin.close()
        self._stdout.close()

    def end(self, timeout_s: float = 70.0) -> None:
        """Go away, and wait for the gateway's end; in time is a minute."""
        self.leave()
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired as late:
            raise NoFigures("the gateway did not end with its gridmanager") from late
        finally:
            self._process.kill()
            self._process.wait()

    def cpu_s(self) -> float:
        """User and system time of the process up to now."""
        text = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii")
        fields = text.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_S

    def children(self) -> set[int]:
        """Processes that it has started and that are there now."""
        found: set[int] = set()
        for path in Path(f"/proc/{self.pid}/task").glob("*/children"):
            try:
                found.update(map(int, path.read_text(encoding="ascii").split()))
            except OSError:
                continue  # the thread has ended
        return found

    def _ask(self, *words: str) -> str:
        """The answer at once, which has to be a success."""
        began_s = time.monotonic()
        text = " ".join(_escaped(word) for word in words)
        try:
            self._stdin.write(f"{text}\r\n".encode())
        except OSError as gone:
            raise NoFigures("the gateway is gone") from gone
        while (answer := self._line(ANSWER_S)) == "R":
            self._announced = True
        self.slowest_s = max(self.slowest_s, time.monotonic() - began_s)
        if not answer.startswith("S"):
            raise NoFigures(f"{words[0]} is answered with {answer}")
        return answer

    def _result(self, words: Sequence[str]) -> Result:
        reqid = int(words[0])
        verb = self.flying.pop(reqid, "")
        if not verb or len(words) - 1 != WORDS[verb]:
            raise NoFigures(f"a wrong result of {verb or 'nothing'}: {list(words)}")
        return Result(reqid, verb, list(words[1:]))

    def _line(self, timeout_s: float) -> str:
        while not self._lines:
            if not self._readable(timeout_s):
                raise NoFigures(f"no line of the gateway within {timeout_s:g} s")
            read = os.read(self._stdout.fileno(), 1 << 16)
            if not read:
                raise NoFigures("the gateway has ended")
            *whole, self._read = (self._read + read).split(b"\n")
            self._lines += [one.decode() for one in whole]
        return self._lines.pop(0)

    def _readable(self, timeout_s: float) -> bool:
        with selectors.DefaultSelector() as selector:
            selector.register(self._stdout, selectors.EVENT_READ)
            return bool(selector.select(timeout_s))


def read_words(line: str) -> list[str]:
    """By the gridmanager's rules: a backslash takes the next sign as it is."""
    found = [""]
    signs = iter(line)
    for sign in signs:
        if sign == "\\":
            found[-1] += next(signs, "")
        elif sign == " ":
            found.append("")
        elif sign != "\r":
            found[-1] += sign
    return found


def _escaped(word: str) -> str:
    for sign in ("\\", " ", "\r", "\n"):
        word = word.replace(sign, f"\\{sign}")
    return word


def ping(manager: Gridmanager) -> None:
    """Raises NoFigures if the facility cannot be used."""
    code, words = manager.call("BLAH_PING", NAME)
    if code != "0":
        raise NoFigures(f"ping: {words}")


def submit_all(manager: Gridmanager, place: Place, numbers: Iterator[int]) -> dict[int, str]:
    """Blah ids by number; as many under way at once as HTCondor has."""
    flying: dict[int, int] = {}
    found: dict[int, str] = {}
    while True:
        while len(flying) < MOST_IN_FLIGHT and (number := next(numbers, None)) is not None:
            flying[manager.start("BLAH_JOB_SUBMIT", place.ad(number))] = number
        if not flying:
            return found
        for one in manager.results(RESULT_S):
            if one.words[0] != "0":
                raise NoFigures(f"a submit failed: {one.words[1]}")
            found[flying.pop(one.reqid)] = one.words[2]
