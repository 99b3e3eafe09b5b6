# SPDX-License-Identifier: Apache-2.0
"""What the checks need to know of this host, as values: they look at nothing themselves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class FileFact:
    """What can be seen of a path; `hidden`: this account may not look whether it is there."""

    state: Literal["there", "missing", "hidden"]
    is_directory: bool = False
    mode: int = 0
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Host:
    """What the check needs to know of this host.

    `batch_types`: further types of grid type batch that this host has helper scripts or a GAHP
    for. `gahps`: by batch type in lower case, what <TYPE>_GAHP names. `files`: every path that the
    checks ask about. `gahp_timeout_s`: GRIDMANAGER_GAHP_CALL_TIMEOUT.
    """

    now_s: float
    cron_jobs: frozenset[str] = frozenset()
    trust_domain: str = ""
    batch_types: frozenset[str] = frozenset()
    files: Mapping[str, FileFact] = field(default_factory=dict)
    gahps: Mapping[str, str] = field(default_factory=dict)
    gahp_timeout_s: int = 300


def seen(host: Host, path: str) -> FileFact:
    return host.files.get(path, FileFact("hidden"))


def may_not_look(path: str) -> str:
    return f"this account may not look whether {path} is there; run glidein check as root"
