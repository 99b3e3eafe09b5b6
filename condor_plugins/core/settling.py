# SPDX-License-Identifier: Apache-2.0
"""Which jobs have been idle for long enough to be demand.

Jobs come as counts by kind; how long one of them has waited is not seen. The least count over a
while is how many of a kind have certainly been there, if those that leave are the oldest or none.
"""

import hashlib
from collections.abc import Mapping, Sequence

from condor_plugins.core.snapshot import JobKind

# (UNIX seconds, count): from then on there were never fewer. Both grow along the steps.
Steps = tuple[tuple[float, int], ...]


def settled(
    kinds: Sequence[JobKind], before: Mapping[str, Steps], settle_s: float, now_s: float
) -> tuple[list[int], dict[str, Steps]]:
    """How many of each kind have been there for `settle_s`, and what to remember for the next time.

    A kind that has not been known for that long has none.
    """
    if settle_s <= 0:
        return [kind.count for kind in kinds], {}
    counts: list[int] = []
    after: dict[str, Steps] = {}
    for kind in kinds:
        digest = hashlib.blake2b(kind.signature.encode(), digest_size=8).hexdigest()
        steps = _with(before.get(digest, ()), now_s, kind.count)
        old = sum(since_s <= now_s - settle_s for since_s, _ in steps)
        counts.append(steps[old - 1][1] if old else 0)
        after[digest] = steps[max(old - 1, 0) :]
    return counts, after


def _with(steps: Steps, now_s: float, count: int) -> Steps:
    """These steps and what is there now: all that were higher come down to it."""
    lower = tuple(step for step in steps if step[1] < count)
    since_s = steps[len(lower)][0] if len(lower) < len(steps) else now_s
    return (*lower, (since_s, count))
