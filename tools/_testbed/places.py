# SPDX-License-Identifier: Apache-2.0
"""Where things lie in the checkout, and what the parts of the testbed are called."""

from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
CACHE = CHECKOUT / ".cache" / "testbed"
CONTAINERFILE = CHECKOUT / "tools" / "_testbed" / "Containerfile"

NAME = "glidein-testbed"
NETWORK = NAME
SCRATCH_VOLUME = f"{NAME}-pscratch"
START_SCRIPTS = "/usr/local/lib/testbed"

HOMES = {
    "root": "/root",
    "condor": "/var/lib/condor",
    "glidein": "/pscratch/glidein",
    "alice": "/home/alice",
    "bob": "/home/bob",
    "carol": "/home/carol",
    "glidein-ap2": "/pscratch/glidein-ap2",
}


@dataclass(frozen=True)
class Host:
    """One container, made from `target`; `scratch`: it mounts the cluster's file system."""

    name: str
    target: str
    scratch: bool
    logs: tuple[str, ...]

    @property
    def container(self) -> str:
        return f"{NAME}-{self.name}"


HOSTS = (
    Host("cm", "pool", scratch=False, logs=("/var/log/condor", "/var/log/testbed")),
    Host(
        "ap",
        "pool",
        scratch=True,
        logs=(
            "/var/log/condor",
            "/var/log/testbed",
            "/pscratch/glidein/log",
            "/var/lib/glidein-gateway",
        ),
    ),
    Host("perlmutter", "cluster", scratch=True, logs=("/var/log/slurm", "/var/log/testbed")),
)
HOST_NAMES = tuple(host.name for host in HOSTS)
# Started only where it is asked for: a second Access Point, whose pilots ap submits.
SECOND = Host("ap2", "pool", scratch=False, logs=("/var/log/condor", "/var/log/testbed"))
ALL_HOSTS = (*HOSTS, SECOND)


def host_named(name: str) -> Host:
    return next(host for host in ALL_HOSTS if host.name == name)
