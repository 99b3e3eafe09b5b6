# SPDX-License-Identifier: Apache-2.0
"""HTCondor's configuration: the texts of our knobs, and where each was written."""

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import htcondor2

from condor_plugins.core.errors import TryAgain
from condor_plugins.core.table import KNOBS

_AT = re.compile(r"^ # at: (?P<file>.*), line (?P<line>\d+)")
_DUMPED = re.compile(r"^(?P<name>GLIDEIN_\w+)\s*(=|@=)")


def knob_texts() -> dict[str, str]:
    """Every GLIDEIN_ knob that is set: name in capitals → text with its macros expanded.

    Our own knobs that no file sets come with their default, expanded by HTCondor as well.
    """
    for knob in KNOBS:
        if knob.default and htcondor2.param.get(knob.name) is None:
            htcondor2.param[knob.name] = knob.default
    ours = (name for name in htcondor2.param if name.upper().startswith("GLIDEIN_"))
    texts = {name.upper(): htcondor2.param.get(name) for name in ours}
    return {name: str(text) for name, text in texts.items() if text is not None}


def knob(name: str) -> str:
    """One knob of HTCondor's own; empty when it is not set."""
    return str(htcondor2.param.get(name) or "")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a knob was written last."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}"


def places(timeout_s: float) -> Mapping[str, Place]:
    """The place of every GLIDEIN_ knob, from `condor_config_val -dump -verbose`."""
    argv = ["condor_config_val", "-dump", "-verbose", "^GLIDEIN_"]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout_s, check=False)
    except (OSError, subprocess.TimeoutExpired) as err:
        raise TryAgain(f"condor_config_val: {err}") from err
    found: dict[str, Place] = {}
    name = ""
    for line in done.stdout.splitlines():
        if begin := _DUMPED.match(line):
            name = begin["name"].upper()
        elif (at := _AT.match(line)) and name:
            found[name] = Place(at["file"], int(at["line"]))
    return found


def attribute_place(place: Place, attribute: str) -> Place:
    """The line of one attribute within the ad that begins at `place`; that place if not found."""
    try:
        lines = Path(place.file).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return place
    wanted = re.compile(rf"[\s\[;]*{re.escape(attribute)}\s*=(?![=?!])", re.IGNORECASE)
    for number, line in enumerate(lines[place.line - 1 :], start=place.line):
        if wanted.match(line):
            return Place(place.file, number)
        if number > place.line and line.startswith("@"):
            break
    return place


def act_as_account(token_directory: str) -> None:
    """From here on this process speaks with the IDTOKEN of the pilots' account, nothing else."""
    htcondor2.param["SEC_CLIENT_AUTHENTICATION_METHODS"] = "IDTOKENS"
    htcondor2.param["SEC_TOKEN_DIRECTORY"] = token_directory
    htcondor2.param["SEC_TOKEN_SYSTEM_DIRECTORY"] = token_directory
    os.environ.pop("CONDOR_INHERIT", None)
