# SPDX-License-Identifier: Apache-2.0
"""Share the jobs without room over the entries that match them: each job is asked for once."""

from collections.abc import Sequence

from condor_plugins.core.asking import Ask, Want
from condor_plugins.core.limits import room, take
from condor_plugins.core.matching import Matcher
from condor_plugins.core.packing import pilots_for
from condor_plugins.core.supply import matches, spread


def share(wants: Sequence[Want], asks: Sequence[Ask], matcher: Matcher) -> None:
    """Open new pilots for what is left, evenly over matching entries, none beyond its limits."""
    for want in wants:
        if want.group is None:
            continue
        matching = [ask for ask in asks if ask.group is want.group and matches(matcher, want, ask)]
        want.matching = [ask.entry.name for ask in matching]
        open_asks = [ask for ask in matching if not ask.shut]
        spread(want, open_asks, _ask_for)
        _count_beyond(want, open_asks)


def _ask_for(ask: Ask, want: Want, jobs: int) -> int:
    """Place jobs into pilots this plan opened already, then open more up to the limits."""
    each = want.kind.each
    placed = ask.new.place(each, jobs)
    pilots = min(pilots_for(ask.entry.shape, each, jobs - placed), room(ask.limits))
    if pilots:
        take(ask.limits, pilots)
        ask.opened += pilots
        ask.new.add(ask.entry.shape, pilots)
        placed += ask.new.place(each, jobs - placed)
    if placed:
        want.asked[ask.entry.name] = want.asked.get(ask.entry.name, 0) + placed
    return placed


def _count_beyond(want: Want, asks: list[Ask]) -> None:
    """Pilots that would have been opened for the rest if no limit held."""
    left = want.left
    for number, ask in enumerate(asks):
        portion = -(-left // (len(asks) - number))
        ask.beyond += pilots_for(ask.entry.shape, want.kind.each, portion)
        left -= portion
