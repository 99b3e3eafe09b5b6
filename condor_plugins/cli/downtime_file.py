# SPDX-License-Identifier: Apache-2.0
"""The drop-in with downtimes: one knob a line, changed by one writer at a time.

Other lines of the file are left as they are. HTCondor expands macros in every knob, so a text
from a person is written without any `$`: ClassAd reads \\044 as one.
"""

import re
from collections.abc import Callable
from pathlib import Path

import classad2

from condor_plugins.core.errors import Misconfigured
from condor_plugins.core.policy import Downtime
from condor_plugins.core.table import DOWNTIME
from condor_plugins.pool.files import in_turn, write_atomically

_HEAD = """\
# HTCondor Glideins: downtimes of entries and sites. Written by `glidein down` and `glidein up`.
# The provisioner reads it in each run; no condor_reconfig is needed.
"""
_LONGEST_TEXT = 500


def change(path: Path, timeout_s: float, edit: Callable[[str], str]) -> bool:
    """Replace the file's text by `edit` of it; whether it differs. Raises Misconfigured."""
    with in_turn(path.parent, timeout_s):
        before = _read(path)
        after = edit(before)
        if after != before:
            _write(path, after)
    return after != before


def with_downtime(text: str, name: str, downtime: Downtime) -> str:
    """The file's text with this downtime instead of any that the entry or site had."""
    line = f"{DOWNTIME.prefix}{name} = {as_ad(downtime)}\n"
    return (without_downtime(text, name) or _HEAD) + line


def without_downtime(text: str, name: str) -> str:
    """The file's text without a downtime of this name, also one over several lines."""
    begins = re.compile(rf"\s*{DOWNTIME.prefix}{re.escape(name)}\s*(@=(?P<tag>\S+)|=)", re.I)
    kept: list[str] = []
    goes_on: Callable[[str], bool] | None = None
    for line in text.splitlines():
        if goes_on is not None:
            goes_on = goes_on if goes_on(line) else None
        elif found := begins.match(line):
            goes_on = _rest(found["tag"], line)
        else:
            kept.append(line)
    return "".join(f"{line}\n" for line in kept)


def _rest(tag: str | None, line: str) -> Callable[[str], bool] | None:
    """Tells of each further line whether one more belongs to the knob; None: this was all."""
    if tag:
        return lambda further: further.strip() != f"@{tag}"
    return _continued if _continued(line) else None


def _continued(line: str) -> bool:
    return line.rstrip().endswith("\\")


def as_ad(downtime: Downtime) -> str:
    """The ad on one line."""
    every = f" Every = {downtime.every_s};" if downtime.every_s else ""
    return (
        f"[ Reason = {quoted(downtime.reason)}; Start = {downtime.start_s};"
        f" End = {downtime.end_s};{every} By = {quoted(downtime.by)}; ]"
    )


def quoted(text: str) -> str:
    """A ClassAd string in which HTCondor's configuration finds nothing to expand."""
    return str(classad2.quote(text)).replace("$", "\\044")


def checked_reason(text: str) -> str:
    """The reason as it will be written. Raises ValueError."""
    if any(not char.isprintable() for char in text):
        raise ValueError("should be one line without control characters")
    if len(text) > _LONGEST_TEXT:
        raise ValueError(f"is longer than {_LONGEST_TEXT} characters")
    if not text.strip():
        raise ValueError("should say why, for those who read it later")
    return text.strip()


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as err:
        raise Misconfigured(f"GLIDEIN_DOWNTIME_FILE: {path}: {err}") from err


def _write(path: Path, text: str) -> None:
    try:
        write_atomically(path, text)
    except OSError as err:
        raise Misconfigured(
            f"{path.parent} cannot be written ({err.strerror}): run this as root, or let"
            " GLIDEIN_DOWNTIME_FILE name a file in a configuration directory that you may write"
        ) from err
