# SPDX-License-Identifier: Apache-2.0
"""Where demand comes from: the idle jobs of one or several schedds, as one set of kinds."""

from collections.abc import Collection, Iterable, Sequence

from condor_plugins.core.snapshot import JobKind
from condor_plugins.pool.ads import job_kind
from condor_plugins.pool.collector import Collector
from condor_plugins.pool.schedd import Schedd

_EVERY = "ALL"


def source_names(wanted: Collection[str], local: str, collector: Collector) -> tuple[str, ...]:
    """Schedds to ask, as GLIDEIN_SCHEDDS names them; none named is the local one."""
    if _EVERY in wanted:
        return tuple(collector.schedds())
    return tuple(wanted) or (local,)


def kinds_at(
    local: Schedd, remote: str, attributes: Iterable[str], tags: Sequence[str]
) -> tuple[JobKind, ...]:
    """The idle jobs of a schedd by kind; an example that is not in the local queue says where."""
    kinds = tuple(job_kind(row, tags) for row in local.at(remote).idle_jobs(attributes))
    if not remote:
        return kinds
    return tuple(one._replace(example=f"{one.example}@{remote}") for one in kinds)


def added_up(kinds: Iterable[JobKind]) -> tuple[JobKind, ...]:
    """Kinds that are alike, from several schedds, become one; the first one's example stays."""
    found: dict[str, JobKind] = {}
    for one in kinds:
        known = found.get(one.signature)
        found[one.signature] = known._replace(count=known.count + one.count) if known else one
    return tuple(found.values())
