# SPDX-License-Identifier: Apache-2.0
"""Downtimes as they are written: their names and times, and what is wrong with them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from condor_plugins.core.policy import Downtime
from condor_plugins.core.table import DOWNTIME


def spellings(known: Iterable[str]) -> dict[str, list[str]]:
    """Names of entries and sites by the knob of their downtime, where case makes no difference."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in dict.fromkeys(known):
        found[DOWNTIME.prefix + name.upper()].append(name)
    return dict(found)


def from_values(values: Mapping[str, Any]) -> Downtime:
    """The downtime of an ad's values."""
    return Downtime(values["Reason"], values["Start"], values["End"], values["By"], values["Every"])


def wrong_times(one: Downtime) -> Iterator[tuple[str, str]]:
    """Attributes with times that make no sense; what they say holds nevertheless."""
    lasts_s = one.end_s - one.start_s
    if one.every_s and not one.end_s:
        yield "Every", "End is not given: it would be down all the time"
    elif one.end_s and lasts_s <= 0:
        yield "End", f"is {one.end_s}, not after Start ({one.start_s})"
    elif one.every_s and one.every_s <= lasts_s:
        yield "Every", f"is {one.every_s} s, not longer than the downtime ({lasts_s} s)"
