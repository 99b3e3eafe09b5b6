# SPDX-License-Identifier: Apache-2.0
"""What the pilots of an entry at a facility ask its batch system for, as job attributes.

Of a job of grid type batch the gridmanager hands on few attributes; each Remote_<X> besides as <X>.
Queue, project and paths pass through blahpd's wordexp: a text that this does not take ends the
gridmanager, and with it every grid job of the account. So only what surely arrives is submitted.
"""

import re
from collections.abc import Iterator

import classad2

from condor_plugins.core.errors import Misconfigured
from condor_plugins.core.policy import Entry
from condor_plugins.core.problems import Problem

_PLAIN = re.compile(r"[A-Za-z0-9_.,:@%+=/-]+\Z")
_WORD = re.compile(r"[A-Za-z0-9_.,:@%+=/&|!*()\[\]-]+\Z")
_WORDS = re.compile(r"[A-Za-z0-9_.,:@%+=/&|!*()\[\]-]+( [A-Za-z0-9_.,:@%+=/&|!*()\[\]-]+)*\Z")
_PATH = re.compile(r"/[A-Za-z0-9_.:@%+=/-]*\Z")
_TEXTS = {
    "BatchQueue": _PLAIN,
    "BatchProject": _PLAIN,
    "BatchConstraint": _WORD,
    "BatchReservation": _WORD,
    "BatchLicenses": _WORD,
    "BatchExtraSubmitArgs": _WORDS,
}
# By attribute, the least.
_NUMBERS = {
    "NodeNumber": 1,
    "RequestCpus": 1,
    "RequestGPUs": 0,
    "RequestMemory": 1,
    "BatchRuntime": 60,
}
_VERY_NEAR = 0.85  # difflib's ratio
KNOWN = (*_TEXTS, *_NUMBERS)
# What the gridmanager hands on by itself.
_OWN = ("BatchQueue", "BatchProject", "BatchExtraSubmitArgs", "BatchRuntime", "RequestMemory")


def facility_attributes(entry: Entry) -> dict[str, str]:
    """Job attributes by name, as ClassAd text. Raises Misconfigured for what cannot be carried."""
    wrong = [one for one in wrong_submit(entry) if one.severity == "error"]
    if wrong:
        raise Misconfigured("; ".join(f"{one.attribute}: {one.text}" for one in wrong))
    known = {name.lower() for name in KNOWN}
    found = {name: str(one) for name, one in entry.submit.items() if name.lower() not in known}
    for name, value in asked(entry).items():
        # Literals, so that nothing in the job's ad can change them; and texts where blahpd would
        # not hand a number on to its scripts (docs/measured.md).
        own = name in _OWN and isinstance(value, int)
        found[name if name in _OWN else f"remote_{name}"] = (
            str(value) if own else classad2.quote(str(value))
        )
    return found


def asked(entry: Entry) -> dict[str, str | int]:
    """What the batch system is asked for, by attribute of KNOWN; wrong values are left out."""
    spelled = {name.lower(): name for name in KNOWN}
    found: dict[str, str | int] = {"RequestCpus": entry.shape.cpus, "NodeNumber": entry.nodes}
    if entry.shape.gpus:
        found["RequestGPUs"] = entry.shape.gpus
    for given, value in entry.submit.items():
        name, now = spelled.get(given.lower(), ""), _evaluated(value)
        if name and isinstance(now, str | int) and not _wrong_value(name, now, value):
            found[name] = now
    return found


def wrong_submit(entry: Entry) -> Iterator[Problem]:
    """What of an entry's Submit, PilotDir and LogDir a facility's pilots cannot have."""
    knob = f"GLIDEIN_ENTRY_{entry.name}"
    spelled = {name.lower(): name for name in KNOWN}
    for given, value in entry.submit.items():
        name = spelled.get(given.lower(), "")
        if not name:
            yield _unknown(knob, given)
        elif text := _wrong_value(name, _evaluated(value), value):
            yield Problem(knob, "Submit", f"{name} {text}")
    directories = {"PilotDir": entry.pilot_dir, "LogDir": "" if entry.factory else entry.log_dir}
    for attribute, path in directories.items():
        if path and not _PATH.match(path):
            yield Problem(knob, attribute, f"{path!r} has characters that blahpd does not carry")


def queue_and_project(entry: Entry) -> Iterator[Problem]:
    """Of an entry with any batch type: what may end the gridmanager."""
    for given, value in entry.submit.items():
        if given.lower() in {"batchqueue", "batchproject"} and entry.batch_type:
            text = _evaluated(value)
            if isinstance(text, str) and text and not _PLAIN.match(text):
                words = f"{given} {_cannot_be_carried(text, _PLAIN)}"
                yield Problem(f"GLIDEIN_ENTRY_{entry.name}", "Submit", words, "warning")


def _unknown(knob: str, given: str) -> Problem:
    """A slip of the pen is an error; what is near a known one by chance is not: RequestDisk."""
    from difflib import get_close_matches  # noqa: PLC0415  # only for what is wrong

    spelled = {name.lower(): name for name in KNOWN}
    close = get_close_matches(given.lower(), spelled, n=1, cutoff=_VERY_NEAR)
    if close:
        text = f"{given} does not reach a facility; did you mean {spelled[close[0]]}?"
        return Problem(knob, "Submit", text)
    text = f"{given} does not reach a facility; known: {', '.join(sorted(KNOWN))}"
    return Problem(knob, "Submit", text, "warning")


def _wrong_value(name: str, found: object, value: object) -> str:
    if name in _NUMBERS:
        least = _NUMBERS[name]
        good = _is_whole(found) and isinstance(found, int) and found >= least
        return "" if good else f"should be a whole number, at least {least}, is {value}"
    if not isinstance(found, str) or not found:
        return f"should be a text, is {value}"
    return "" if _TEXTS[name].match(found) else _cannot_be_carried(found, _TEXTS[name])


def _cannot_be_carried(text: str, pattern: re.Pattern[str]) -> str:
    blank = " " if pattern is _WORDS else ""
    bad = "".join(dict.fromkeys(one for one in text if one != blank and not pattern.match(one)))
    return f"{text!r} cannot be carried to the batch system because of {bad or 'its blanks'!r}"


def _is_whole(found: object) -> bool:
    return isinstance(found, int) and not isinstance(found, bool | classad2.Value)


def _evaluated(value: object) -> object:
    return value.eval() if isinstance(value, classad2.ExprTree) else value
