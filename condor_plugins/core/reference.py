# SPDX-License-Identifier: Apache-2.0
"""The defaults file and the reference page, made from the table."""

import textwrap
from collections.abc import Iterator

from condor_plugins.core.table import DOWNTIME, KNOBS, OBJECT_KINDS, Attribute, Knob, ObjectKind

_HEAD = """\
# SPDX-License-Identifier: Apache-2.0
# HTCondor Glideins: every knob with its default. Made by tools/knobs; upgrades replace this file.
# Do not edit: put what differs into a file of your own that is read later, 70-something.conf.
"""


def defaults_file() -> str:
    """The text of config.d/50-glidein-defaults.conf."""
    return _HEAD + "".join(_default(knob) for knob in KNOBS)


def _default(knob: Knob) -> str:
    words = f"{knob.sentence} [{knob.unit}]" if knob.unit else knob.sentence
    comment = textwrap.fill(words, 100, initial_indent="# ", subsequent_indent="# ")
    return f"\n{comment}\n{knob.name} = {knob.default}".rstrip() + "\n"


def reference_page() -> str:
    """The text of docs/knobs.md."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    yield "<!-- SPDX-License-Identifier: Apache-2.0. Made by tools/knobs from core/table.py. -->"
    yield "# Knobs and attributes"
    yield ""
    yield "`glidein check` reads the same table. Any configuration file may set a knob."
    yield ""
    yield "| knob | type | default | meaning |"
    yield "|---|---|---|---|"
    for knob in KNOBS:
        yield f"| `{knob.name}` | {_kind(knob)} | {_code(knob.default)} | {knob.sentence} |"
    for kind in (*OBJECT_KINDS, DOWNTIME):
        yield from _object(kind)


def _object(kind: ObjectKind) -> Iterator[str]:
    yield ""
    yield f"## `{kind.prefix}<name>`"
    yield ""
    yield kind.sentence
    yield ""
    yield "| attribute | type | default | meaning |"
    yield "|---|---|---|---|"
    for one in kind.attributes:
        default = "**must be given**" if one.default is None else _code(one.default)
        choices = f" One of: {', '.join(one.choices)}." if one.choices else ""
        yield f"| `{one.name}` | {_kind(one)} | {default} | {one.sentence}{choices} |"


def _kind(one: Knob | Attribute) -> str:
    least = f", at least {one.least}" if one.least is not None else ""
    return f"{one.kind}, {one.unit}{least}" if one.unit else one.kind


def _code(text: str) -> str:
    return f"`{text}`" if text else ""
