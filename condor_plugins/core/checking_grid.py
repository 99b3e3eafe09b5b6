# SPDX-License-Identifier: Apache-2.0
"""The check of a grid_resource: its type, and that what must follow is there."""

from collections.abc import Iterable

from condor_plugins.core.reading import nearest

_GRID_TYPES = ("batch", "condor", "arc", "ec2", "gce", "azure")
# What HTCondor 25.14 ships a <type>_submit.sh for.
BATCH_TYPES = ("slurm", "pbs", "sge", "lsf", "kubernetes", "flux", "condor", "nqs", "sfapi")
# Words of a grid_resource: type, and what must follow it.
_WORDS = {"batch": 2, "condor": 3, "arc": 2, "ec2": 2, "gce": 4, "azure": 2}
_FOLLOWS = {
    "batch": "the batch system",
    "condor": "a schedd and its collector",
    "gce": "address, project and zone",
}


def wrong_grid_resource(words: list[str], more_batch_types: Iterable[str]) -> str:
    """What is wrong with a grid_resource; empty when nothing is."""
    kind = words[0] if words else ""
    if kind not in _GRID_TYPES:
        return f"{kind!r} is no grid type{nearest(kind, _GRID_TYPES)}"
    if len(words) < _WORDS[kind]:
        return f"{' '.join(words)!r} lacks {_FOLLOWS.get(kind, 'an address')}"
    known = {*BATCH_TYPES, *more_batch_types}
    if kind == "batch" and words[1].lower() not in known:
        return f"this host knows no batch system {words[1]!r}{nearest(words[1], known)}"
    return ""
