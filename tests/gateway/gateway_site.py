# SPDX-License-Identifier: Apache-2.0
"""A gateway process of its own for one test, and one that talks to it as HTCondor does."""

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from condor_plugins.gateway import gahp
from tests.gateway.fake_backend import facility
from tests.gateway.file_backend import FileBackend
from tests.gateway.test_gahp import FIELDS, read_argv

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = [sys.executable, str(Path(__file__).with_name("run_gateway.py"))]
T = TypeVar("T")


def wait_until(what: str, probe: Callable[[], T | None], timeout_s: float = 15.0) -> T:
    """Ask `probe` until it answers something true."""
    deadline_s = time.monotonic() + timeout_s
    while not (answer := probe()):
        if time.monotonic() > deadline_s:
            raise AssertionError(f"not within {timeout_s:g} s: {what} (last answer {answer!r})")
        time.sleep(0.02)
    return answer


class Site:
    """A facility and an account's home in `base`; the facility's settings are pinned."""

    def __init__(self, base: Path, at_once: int = 1, **changes: object) -> None:
        self.base = base
        self.backend = FileBackend(base / "site")
        self.state = base / "state"
        self.directory = self.state / "nersc"
        for one in (self.state, self.directory):
            one.mkdir(mode=0o700)
        quick = {"poll_s": 0.3, "patience_s": 20.0, **changes}
        self.facility = facility(**quick)
        copy = {"facility": self.facility._asdict(), "pinned": True}
        (self.directory / "facility.json").write_text(json.dumps(copy), encoding="utf-8")
        self.environment = {
            **os.environ,
            "HOME": str(base),
            "PYTHONPATH": str(ROOT),
            "_CONDOR_GLIDEIN_GATEWAY_DIR": str(self.state),
            "GATEWAY_TEST_SITE": str(base / "site"),
            "GATEWAY_TEST_AT_ONCE": str(at_once),
            # No schedd of this host is to be looked for.
            "CONDOR_CONFIG": os.devnull,
        }

    def ad(self, key: str = "home_bl_pool_schedd_1.0_17", more: str = "") -> str:
        """A submit ad as the gridmanager writes it."""
        log = self.base / "out"
        return (
            f'[ gridtype = "nersc"; Cmd = "/bin/true"; StageCmd = false; Iwd = "{self.base}"; '
            f'Out = "{log}"; JobDirectory = "{key}"; {more} ]'
        )

    def helper(
        self, verb: str, *words: str, timeout_s: float = 30
    ) -> "subprocess.CompletedProcess[str]":
        """One <type>_<verb>.sh, run to its end."""
        return subprocess.run(
            [*PROGRAM, verb, "nersc", *words],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
            env=self.environment,
        )


class Gridmanager:
    """Drives a GAHP server as HTCondor's gridmanager does, and asserts what that asserts."""

    def __init__(self, site: Site, argv: list[str] | None = None) -> None:
        with (site.base / "stderr").open("wb") as stderr:
            self._process = subprocess.Popen(
                argv or [*PROGRAM, "gahp"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=site.environment,
                bufsize=0,
            )
        self._lines = gahp.Lines()
        self._ready: list[str] = []
        self._reqid = 0
        self._verbs: dict[int, str] = {}
        self.results: dict[int, list[str]] = {}
        self.told = 0
        self.slowest_s = 0.0
        self.greeting = self.read()
        assert self.greeting.startswith("$")
        self.commands = read_argv(self.ask("COMMANDS"))
        assert self.commands.pop(0) == "S"

    def __enter__(self) -> "Gridmanager":
        assert self.ask("ASYNC_MODE_ON").startswith("S")
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self, timeout_s: float = 20) -> int:
        """End of the input, as when the gridmanager ends; the exit code."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        try:
            return self._process.wait(timeout_s)
        finally:
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()

    def terminate(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self._process.kill()
        self.close()

    def alive(self) -> bool:
        return self._process.poll() is None

    def send(self, raw: bytes) -> None:
        assert self._process.stdin
        self._process.stdin.write(raw)

    def ask(self, *words: str) -> str:
        """The answer, which the gridmanager waits 20 s for at most; "R" lines are counted."""
        began_s = time.monotonic()
        self.send(f"{gahp.line(*words)}\r\n".encode())
        answer = self.read()
        while answer == "R":
            self.told += 1
            answer = self.read()
        self.slowest_s = max(self.slowest_s, time.monotonic() - began_s)
        return answer

    def start(self, verb: str, *words: str) -> int:
        """A command with a result; its request id."""
        self._reqid += 1
        self._verbs[self._reqid] = verb
        assert self.ask(verb, str(self._reqid), *words).startswith("S")
        return self._reqid

    def call(self, verb: str, *words: str, timeout_s: float = 15) -> list[str]:
        """The result's words, request id left out."""
        reqid = self.start(verb, *words)
        return self.result(reqid, timeout_s)

    def result(self, reqid: int, timeout_s: float = 15) -> list[str]:
        """Waits for R, then fetches, as the gridmanager does in asynchronous mode."""
        deadline_s = time.monotonic() + timeout_s
        while reqid not in self.results:
            if self.told == 0:
                line = self.read(max(deadline_s - time.monotonic(), 0.0))
                assert line == "R", f"unexpected line {line!r}"
                self.told += 1
            self.fetch()
        return self.results[reqid]

    def fetch(self) -> int:
        """RESULTS; how many there were."""
        answer = read_argv(self.ask("RESULTS"))
        assert self.told <= 1, "more than one R between two RESULTS"
        self.told = 0
        assert answer[0] == "S"
        for _ in range(int(answer[1])):
            words = read_argv(self.read())
            verb = self._verbs[int(words[0])]
            assert len(words) == FIELDS[verb], f"{verb}: {words}"
            assert int(words[0]) not in self.results, f"answered twice: {words}"
            self.results[int(words[0])] = words[1:]
        return int(answer[1])

    def quiet(self, seconds: float) -> bool:
        """Whether nothing at all comes for so long."""
        return not self._ready and not self._readable(seconds)

    def read(self, timeout_s: float = 10) -> str:
        """The next line. Raises AssertionError when none comes."""
        while not self._ready:
            assert self._readable(timeout_s), f"no line within {timeout_s:g} s"
            assert self._process.stdout
            read = os.read(self._process.stdout.fileno(), 65536)
            assert read, "the gateway closed its output"
            self._ready += [line.removesuffix("\r") for line in self._lines.feed(read)]
        return self._ready.pop(0)

    def _readable(self, timeout_s: float) -> bool:
        with selectors.DefaultSelector() as selector:
            assert self._process.stdout
            selector.register(self._process.stdout, selectors.EVENT_READ)
            return bool(selector.select(timeout_s))
