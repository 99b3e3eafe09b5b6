# SPDX-License-Identifier: Apache-2.0
"""The one place that knows the container engine: podman first, docker where only that is there."""

import os
import resource
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from _testbed.command import Done, StepFailed, run
from _testbed.places import CACHE

# What the daemons of a host may open and start; never more than this process has itself: an engine
# without CAP_SYS_RESOURCE cannot raise a limit and would not start a container at all.
OPEN_FILES = 8192
PROCESSES = 32768


@dataclass(frozen=True)
class Engine:
    """podman or docker; both understand the words used here."""

    name: str
    env: Mapping[str, str] = field(repr=False)  # may hold what no test report should show

    def ask(self, *words: str, timeout_s: float = 30, stdin: str = "") -> Done:
        return run([self.name, *words], timeout_s=timeout_s, stdin=stdin, env=self.env)

    def tell(self, *words: str, timeout_s: float = 60, stdin: str = "") -> str:
        done = self.ask(*words, timeout_s=timeout_s, stdin=stdin)
        if not done.ok:
            raise StepFailed(done.why())
        return done.out

    def has(self, kind: str, name: str) -> bool:
        """Is there an `image`, `network`, `volume` or `container` of that name?"""
        return self.ask(kind, "inspect", name).ok

    def limits(self) -> list[str]:
        """Options for a new container (and the same as in containers.conf for builds)."""
        return [word for limit in ulimits() for word in ("--ulimit", limit)]


def ulimits() -> list[str]:
    files = at_most(OPEN_FILES, resource.RLIMIT_NOFILE)
    processes = at_most(PROCESSES, resource.RLIMIT_NPROC)
    return [f"nofile={files}:{files}", f"nproc={processes}:{processes}"]


def at_most(wanted: int, kind: int) -> int:
    hard = resource.getrlimit(kind)[1]
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)


def docker_answers() -> bool:
    return shutil.which("docker") is not None and run(["docker", "info"], timeout_s=20).ok


def is_hybrid_cgroup(root: Path = Path("/sys/fs/cgroup")) -> bool:
    """Without a pure cgroup v2 tree: there crun refuses to start anything, runc does."""
    return not (root / "cgroup.controllers").exists()


def find_engine() -> Engine | None:
    """None when there is none yet."""
    if shutil.which("podman"):
        conf = write_containers_conf(CACHE / "containers.conf")
        return Engine("podman", {**os.environ, "CONTAINERS_CONF": str(conf)})
    return Engine("docker", dict(os.environ)) if docker_answers() else None


def require_engine() -> Engine:
    engine = find_engine()
    if engine is None:
        raise StepFailed("no podman (or running docker) here; run `tools/testbed build` as root")
    return engine


def write_containers_conf(path: Path) -> Path:
    """podman's settings for our calls only: /etc/containers stays as it is."""
    lines = ["# Written by tools/testbed", "[containers]", f"default_ulimits = {quoted(ulimits())}"]
    if is_hybrid_cgroup():
        lines += ["[engine]", 'runtime = "runc"']
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "\n".join(lines) + "\n"
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
    return path


def quoted(words: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{word}"' for word in words) + "]"
