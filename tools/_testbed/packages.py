# SPDX-License-Identifier: Apache-2.0
"""Install what is missing on this machine, or name it."""

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from _testbed.command import StepFailed, run
from _testbed.engine import docker_answers, is_hybrid_cgroup
from _testbed.progress import Progress

# Programs that podman calls by their full path; distributions differ in where they put them.
LIBRARY_DIRECTORIES = ("/usr/lib/podman", "/usr/libexec/podman", "/usr/bin", "/usr/sbin")


@dataclass(frozen=True)
class Need:
    """A package of Debian and a file name that shows that it is installed."""

    package: str
    file: str

    def is_met(self) -> bool:
        if self.file.startswith("/"):
            return Path(self.file).exists()
        found = (Path(directory, self.file).exists() for directory in LIBRARY_DIRECTORIES)
        return shutil.which(self.file) is not None or any(found)


PODMAN = (
    Need("podman", "podman"),
    Need("netavark", "netavark"),
    Need("aardvark-dns", "aardvark-dns"),
    Need("iptables", "iptables"),
    Need("catatonit", "catatonit"),
)
RUNC = Need("runc", "runc")
DEBOOTSTRAP = (
    Need("debootstrap", "debootstrap"),
    Need("debian-archive-keyring", "/usr/share/keyrings/debian-archive-keyring.gpg"),
)


def require_container_engine(progress: Progress) -> None:
    """podman with its parts, unless only docker is here and works."""
    if shutil.which("podman") is None and docker_answers():
        return
    install([*PODMAN, RUNC] if is_hybrid_cgroup() else PODMAN, progress)


def install(needs: Iterable[Need], progress: Progress) -> None:
    """Raises StepFailed with the packages' names where this user cannot install them."""
    missing = [need.package for need in needs if not need.is_met()]
    if not missing:
        return
    names = " ".join(missing)
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise StepFailed(f"not installed: {names}. Install them (Debian: apt-get install {names})")
    with progress.step(f"installing {names}"):
        apt_get("update", "-q")
        apt_get("install", "-q", "-y", "--no-install-recommends", *missing)


def apt_get(*words: str) -> None:
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = run(["apt-get", *words], timeout_s=300, env=env)
    if not done.ok:
        raise StepFailed(f"{done.why()}. Is a Debian mirror reachable? Try it by hand")
