# SPDX-License-Identifier: Apache-2.0
"""The entry that a person means."""

from collections.abc import Mapping

import click

from condor_plugins.core.reading import names, nearest


def known_entry(name: str, knobs: Mapping[str, str]) -> str:
    """The entry as it is configured, whatever the case it was typed in."""
    known = {one.lower(): one for one in names(knobs.get("GLIDEIN_ENTRY_NAMES", ""))}
    if name.lower() not in known:
        raise click.BadParameter(f"{name!r} is no entry{nearest(name, known.values())}")
    return known[name.lower()]
