# SPDX-License-Identifier: Apache-2.0
"""Attributes of one's own jobs in the queue of this host's schedd."""

from collections import defaultdict
from collections.abc import Mapping

import classad2
import htcondor2

from condor_plugins.core.errors import TryAgain
from condor_plugins.pool.translation import asking

Value = str | int
# htcondor2 says so where the schedd answered; without an answer, "Failed to connect to schedd".
_OF_A_JOB = "Unable to edit job"


class JobAds:
    """The schedd of this host, as the account that this process runs as."""

    def __init__(self) -> None:
        with asking("schedd"):
            where = htcondor2.Collector().locate(htcondor2.DaemonType.Schedd)
            self._schedd = htcondor2.Schedd(where)
        self.name = str(where["Name"])

    def set(self, jobs: Mapping[str, Mapping[str, Value | None]]) -> dict[str, str]:
        """`jobs`: "cluster.proc" → attribute → value, None for undefined.

        Returns the jobs that could not be edited, and why: most often they have left the queue.
        When the schedd does not answer, these are all, and nothing further is tried.
        One edit serves all jobs that get the same value; edits are not worth a flush to disk.
        """
        same: dict[tuple[str, str], list[str]] = defaultdict(list)
        for job, attributes in jobs.items():
            for attribute, value in attributes.items():
                same[attribute, _text(value)].append(job)
        failed: dict[str, str] = {}
        for (attribute, text), ids in same.items():
            try:
                failed |= self._edit([one for one in ids if one not in failed], attribute, text)
            except TryAgain as problem:
                return dict.fromkeys(jobs, str(problem)) | failed
        return failed

    def _edit(self, ids: list[str], attribute: str, text: str) -> dict[str, str]:
        """Raises TryAgain when the schedd does not answer: each further edit would wait as long."""
        if not ids:
            return {}
        try:
            with asking(f"edit {attribute}"):
                self._schedd.edit(ids, attribute, text, htcondor2.TransactionFlag.NonDurable)
        except TryAgain as problem:
            if _OF_A_JOB not in str(problem):
                raise
            if len(ids) == 1:
                return {ids[0]: str(problem)}
            failed: dict[str, str] = {}
            for one in ids:  # one job that is gone fails them all
                failed |= self._edit([one], attribute, text)
            return failed
        return {}


def _text(value: Value | None) -> str:
    """As a ClassAd expression."""
    if value is None:
        return "undefined"
    return str(value) if isinstance(value, int) else str(classad2.quote(value))
