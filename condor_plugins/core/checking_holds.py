# SPDX-License-Identifier: Apache-2.0
"""The hold codes of an entry: are they numbers, and do they say one thing?"""

from collections.abc import Iterator

from condor_plugins.core.policy import Entry
from condor_plugins.core.problems import Problem
from condor_plugins.core.reading import names

_BY_A_PERSON = 1


def hold_codes(entry: Entry) -> Iterator[Problem]:
    """ReleaseHeld and KeepHeld; what is no number in them is not used."""
    knob = f"GLIDEIN_ENTRY_{entry.name}"
    for attribute in ("ReleaseHeld", "KeepHeld"):
        text = entry.ad.eval(attribute) if attribute in entry.ad else ""
        for word in names(text) if isinstance(text, str) else ():
            if not word.isdecimal():
                yield Problem(knob, attribute, f"{word!r} is no hold code: a whole number")
    for code in sorted({*entry.release_held} & {*entry.keep_held}):
        text = f"{code} is in ReleaseHeld too: it is released first, and kept after that"
        yield Problem(knob, "KeepHeld", text, "warning")
    if _BY_A_PERSON in entry.release_held:
        text = f"{_BY_A_PERSON} is a person's condor_hold, and no such pilot is released"
        yield Problem(knob, "ReleaseHeld", text, "warning")
