# SPDX-License-Identifier: Apache-2.0
"""HTCondor's configuration: the texts of our knobs, and where each was written."""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

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


def bound_answers(timeout_s: int) -> None:
    """The collector answers within `timeout_s`; the schedd's limit is 20 s, which no knob moves."""
    htcondor2.param["QUERY_TIMEOUT"] = str(timeout_s)


def reread() -> None:
    """Read the configuration files again, as a daemon does on reconfig."""
    htcondor2.reload_config()


class Place(NamedTuple):
    """Where a knob was written last: its last line, where it goes over several."""

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


def attribute_place(place: Place, knob: str, attribute: str) -> Place:
    """The line of one attribute in the knob's text, or the knob's first line without one.

    HTCondor tells the last line of a knob, so the search goes upwards to the one with its name.
    """
    try:
        lines = Path(place.file).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return place
    begins = re.compile(rf"\s*{re.escape(knob)}\s*@?=", re.IGNORECASE)
    above = range(min(place.line, len(lines)), 0, -1)
    first = next((number for number in above if begins.match(lines[number - 1])), None)
    if first is None:
        return place
    wanted = re.compile(
        rf"(?!\s*(?:#|//))(?:.*[\s\[;=])?{re.escape(attribute)}\s*=(?![=?!])", re.IGNORECASE
    )
    within = range(first, place.line + 1) if attribute else ()
    lines_of_it = (number for number in within if wanted.match(lines[number - 1]))
    return Place(place.file, next(lines_of_it, first))


def act_as_account(token_directory: str) -> None:
    """From here on this process speaks with the IDTOKEN of the pilots' account, nothing else."""
    htcondor2.param["SEC_CLIENT_AUTHENTICATION_METHODS"] = "IDTOKENS"
    htcondor2.param["SEC_TOKEN_DIRECTORY"] = token_directory
    htcondor2.param["SEC_TOKEN_SYSTEM_DIRECTORY"] = token_directory
    os.environ.pop("CONDOR_INHERIT", None)
