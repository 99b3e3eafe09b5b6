# SPDX-License-Identifier: Apache-2.0
"""What earlier cycles have taught about entries, as the limits need it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Learned(NamedTuple):
    """By entry; one that is not in a mapping is unknown, closed, unspent.

    `waits_s`: the expected wait of a pilot. `breakers`: state ("closed", "open", "probing"), room
    in pilots, a sentence. `spent`: core-hours in the entry's budget window.
    """

    waits_s: Mapping[str, float] = MappingProxyType({})
    breakers: Mapping[str, tuple[str, int, str]] = MappingProxyType({})
    spent: Mapping[str, float] = MappingProxyType({})
