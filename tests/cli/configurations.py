# SPDX-License-Identifier: Apache-2.0
"""The files in bad/: knobs in HTCondor's language over the good ones of pretended.py, then lines
`# expect: …` with what `glidein check` has to say, without the file's name."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from condor_plugins.pool.configuration import Place

_BAD = Path(__file__).parent / "bad"
EXPECTED = sorted(path.stem for path in _BAD.glob("*.conf"))


@dataclass(frozen=True)
class Case:
    file: str
    knobs: Mapping[str, str]
    places: Mapping[str, Place]
    expected: tuple[str, ...]


def read(name: str) -> Case:
    """Knobs with the place that HTCondor would tell: the last line of each."""
    path = _BAD / f"{name}.conf"
    lines = path.read_text().splitlines()
    knobs: dict[str, str] = {}
    places: dict[str, Place] = {}
    knob = ""
    for number, line in enumerate(lines, start=1):
        if knob and line != "@end":
            knobs[knob] += line + "\n"
        elif knob:
            places[knob], knob = Place(str(path), number), ""
        elif " @=" in line:
            knob = line.partition(" ")[0].upper()
            knobs[knob] = ""
        elif line and not line.startswith("#"):
            key, _, text = line.partition(" = ")
            knobs[key.upper()], places[key.upper()] = text, Place(str(path), number)
    marked = (line for line in lines if line.startswith("# expect: "))
    return Case(str(path), knobs, places, tuple(line.removeprefix("# expect: ") for line in marked))
