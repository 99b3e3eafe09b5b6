# SPDX-License-Identifier: Apache-2.0
"""The reference page and the defaults file are what the table makes."""

from pathlib import Path

from condor_plugins.core.reference import defaults_file, reference_page
from condor_plugins.core.table import DOWNTIME, KNOBS, OBJECT_KINDS, Attribute, Knob

ROOT = Path(__file__).resolve().parents[2]
FORGOTTEN = "run tools/knobs"


def test_the_reference_page_is_up_to_date() -> None:
    assert (ROOT / "docs/knobs.md").read_text(encoding="utf-8") == reference_page(), FORGOTTEN


def test_the_defaults_file_is_up_to_date() -> None:
    path = ROOT / "config.d/50-glidein-defaults.conf"
    assert path.read_text(encoding="utf-8") == defaults_file(), FORGOTTEN


def test_every_knob_and_attribute_is_told_in_a_sentence() -> None:
    rows: list[Knob | Attribute] = [
        *KNOBS,
        *(one for kind in (*OBJECT_KINDS, DOWNTIME) for one in kind.attributes),
    ]
    assert [one.name for one in rows if not one.sentence.endswith(".")] == []
    page = reference_page()
    assert [one.name for one in rows if f"| `{one.name}` |" not in page] == []


def test_the_defaults_file_is_one_assignment_for_each_knob() -> None:
    lines = [one for one in defaults_file().splitlines() if one and not one.startswith("#")]
    assert [one.split(" =")[0] for one in lines] == [knob.name for knob in KNOBS]
