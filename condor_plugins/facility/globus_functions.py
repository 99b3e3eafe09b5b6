# SPDX-License-Identifier: Apache-2.0
"""The functions that run at a Globus Compute endpoint: plain source, one module each.

Source as text and JSON around it: the Python over there may be another than ours, and no dill is
needed on either side. A module has no import but of the standard library, so that its text is all.
"""

import hashlib
from functools import cache
from pathlib import Path
from typing import NamedTuple


class Function(NamedTuple):
    """`name`: what to call in `source`; takes and returns one JSON object, never raises."""

    name: str
    source: str

    def digest(self) -> str:
        """By it a registered function is found again; another source is another function."""
        return hashlib.sha256(f"{self.name}:{self.source}".encode()).hexdigest()


@cache
def pilot() -> Function:
    """Is the pilot: runs its script to the end."""
    return _function("pilot")


@cache
def files() -> Function:
    """Files below our root, and stop files for pilots."""
    return _function("files")


@cache
def slurm() -> Function:
    """Pilots as jobs of Slurm, through its commands."""
    return _function("slurm")


def _function(name: str) -> Function:
    path = Path(__file__).with_name(f"globus_remote_{name}.py")
    return Function(name, path.read_text(encoding="ascii"))
