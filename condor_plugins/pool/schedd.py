# SPDX-License-Identifier: Apache-2.0
"""One schedd: idle jobs by kind, pilot clusters, and the few acts of the provisioner."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import classad2
import htcondor2

from condor_plugins.pool.ads import whole, word
from condor_plugins.pool.translation import asking

# condor_qedit's flag for "the cluster's own ad, after submission"; htcondor2 has the constructor
# but not the name. Without it an edit reaches only the procs (seen with 25.14.1).
_CLUSTER_AD = htcondor2.TransactionFlag(1 << 7)

_REMOVED = 3  # JobFactoryPaused of a removed cluster
_PILOT = "GlideinEntry isnt undefined"
# History is read from its end until this is true. It is in the order of leaving the queue, which
# pilots do as they complete; others may be kept there, spooled ones (StageInFinish) for days.
_SCANNED = (
    "JobStatus == 4 && (GlideinEntry isnt undefined ? CompletionDate < {pilots}"
    " : StageInFinish is undefined && CompletionDate < {others})"
)
_LATE_S = 3600


class Schedd:
    """The schedd of this machine, or one that the collector knows by name.

    `requester`: the schedd on whose behalf it is asked; others' pilots there are left alone.
    """

    def __init__(self, name: str = "", requester: str = "") -> None:
        with asking(f"schedd {name}".strip()):
            wanted = (htcondor2.DaemonType.Schedd, *([name] if name else []))
            where = htcondor2.Collector().locate(*wanted)
            self._schedd = htcondor2.Schedd(where)
        self.name = str(where["Name"])
        self.requester = requester or self.name
        self.queries = 0
        self._others: dict[str, Schedd] = {}

    def at(self, name: str) -> "Schedd":
        """Another schedd, looked up once; without a name, or by its own, this one."""
        if name in ("", self.name):
            return self
        if name not in self._others:
            self._others[name] = Schedd(name, self.requester)
        return self._others[name]

    def asked(self) -> int:
        """How many queries this schedd and the others have had."""
        return self.queries + sum(one.queries for one in self._others.values())

    def idle_jobs(self, attributes: Iterable[str]) -> list[classad2.ClassAd]:
        """One ad for each kind of idle vanilla job, with JobCount; kinds differ in `attributes`.

        A GroupBy constraint sees projected attributes only (anything else: no rows, no error).
        """
        projection = sorted({"JobStatus", "JobUniverse", *attributes})
        return self._query(
            "idle jobs",
            "JobStatus == 1 && JobUniverse == 5",
            projection,
            htcondor2.QueryOpts.GroupBy,
        )

    def has_running_jobs(self) -> bool:
        """Whether any user's vanilla job runs; asked when none is idle, which may be a fault."""
        self.queries += 1
        with asking("running jobs"):
            return bool(
                self._schedd.query("JobStatus == 2 && JobUniverse == 5", ["ClusterId"], limit=1)
            )

    def job(self, job_id: str) -> classad2.ClassAd | None:
        """The whole ad of job "cluster.proc" (or "cluster": its first one)."""
        cluster, _, proc = job_id.partition(".")
        where = f"ClusterId == {int(cluster)}" + (f" && ProcId == {int(proc)}" if proc else "")
        with asking(f"job {job_id}"):
            found = self._schedd.query(where, limit=1)
        return found[0] if found else None

    def cluster_states(self, cluster: int) -> list[classad2.ClassAd]:
        """Ads with JobStatus, JobUniverse, JobCount and JobIds for the jobs of a cluster."""
        attributes = ["ClusterId", "JobStatus", "JobUniverse"]
        where = f"ClusterId == {cluster}"
        what = f"jobs of cluster {cluster}"
        return self._query(what, where, attributes, htcondor2.QueryOpts.GroupBy)

    def pilot_clusters(self, owner: str, attributes: Sequence[str]) -> list[classad2.ClassAd]:
        """The cluster ads themselves, less those that were removed.

        The schedd keeps a removed cluster that had no pilot left for hours (QUEUE_CLEAN_INTERVAL);
        JobFactoryPaused tells, which is computed for the answer and no constraint can see.
        """
        where = f"{self._of(owner)} && ProcId is undefined"
        projection = [*attributes, "JobFactoryPaused"]
        opts = htcondor2.QueryOpts.IncludeClusterAd
        ads = self._query("pilot clusters", where, projection, opts)
        return [ad for ad in ads if ad.get("JobFactoryPaused") != _REMOVED]

    def pilots(self) -> list[classad2.ClassAd]:
        """Ads of all pilots: ClusterId, ProcId, JobStatus, and when they were made and changed.

        Other requesters' as well: whether a glidein's pilot is gone is asked about theirs, too.
        The one query whose answer grows with the number of pilots: 20,000 take 0.3 s.
        """
        attributes = ["ClusterId", "ProcId", "JobStatus", "EnteredCurrentStatus"]
        return self._query("pilots", _PILOT, [*attributes, "JobMaterializeDate"])

    def pilots_by_account(self) -> dict[str, int]:
        """How many pilots are in the queue, by owner."""
        attributes = ["GlideinEntry", "Owner"]
        opts = htcondor2.QueryOpts.GroupBy
        counts: Counter[str] = Counter()
        for row in self._query("pilots by account", _PILOT, attributes, opts):
            counts[word(row, "Owner")] += whole(row, "JobCount")
        return dict(counts)

    def ended_pilots(self, owner: str, seconds: range, most: int) -> list[classad2.ClassAd]:
        """Pilots that completed in these UNIX seconds, newest first, from the schedd's history.

        No history kept is no pilots, and no error.
        """
        self.queries += 1
        done = f"JobStatus == 4 && CompletionDate >= {seconds.start}"
        attributes = ["GlideinEntry", "GlideinGroup", "CompletionDate", "JobCurrentStartDate"]
        with asking("history of pilots"):
            found: list[classad2.ClassAd] = self._schedd.history(
                f"{self._of(owner)} && {done} && CompletionDate < {seconds.stop}",
                attributes,
                match=most,
                since=_SCANNED.format(pilots=seconds.start, others=seconds.start - _LATE_S),
            )
        return found

    def hold_reasons(self, owner: str, most: int) -> list[tuple[int, str]]:
        """(cluster, reason) of up to `most` held pilots."""
        self.queries += 1
        with asking("held pilots"):
            ads = self._schedd.query(
                f"{self._of(owner)} && JobStatus == 5", ["ClusterId", "HoldReason"], limit=most
            )
        return [(int(ad["ClusterId"]), word(ad, "HoldReason") or "no reason given") for ad in ads]

    def waiting_pilots(self, cluster: int) -> list[int]:
        """Process numbers of the waiting pilots of a cluster, newest first."""
        where = f"ClusterId == {cluster} && ProcId >= 0 && JobStatus == 1"
        ads = self._query(f"waiting pilots of cluster {cluster}", where, ["ProcId"])
        return sorted((int(ad["ProcId"]) for ad in ads), reverse=True)

    def submit(self, commands: Mapping[str, str], max_idle: int, most: int) -> int:
        """Make a pilot cluster; its number."""
        steering = {"max_idle": str(max_idle), "max_materialize": str(most)}
        text = "".join(f"{name} = {value}\n" for name, value in {**commands, **steering}.items())
        with asking("submit"):
            result = self._schedd.submit(htcondor2.Submit(f"{text}queue 1000000\n"))
            return int(result.cluster())

    def edit_cluster(self, cluster: int, name: str, value: str) -> None:
        """Set one attribute of the cluster's own ad; its pilots keep theirs."""
        where = f"ClusterId == {cluster} && ProcId is undefined"
        with asking(f"edit {name} of cluster {cluster}"):
            self._schedd.edit(where, name, value, _CLUSTER_AD)

    def remove_pilots(self, cluster: int, processes: Iterable[int], reason: str) -> int:
        """Remove those of these pilots that are still waiting; how many were.

        `ProcId >= 0` keeps the cluster itself from matching; JobStatus is checked by the schedd
        in the same step, so a pilot that has started meanwhile stays.
        """
        listed = ", ".join(str(number) for number in processes)
        where = f"ClusterId == {cluster} && ProcId >= 0 && JobStatus == 1"
        return self._remove(f"{where} && member(ProcId, {{ {listed} }})", reason)

    def remove_held(self, cluster: int, reason: str) -> int:
        """Remove the held pilots of a cluster; how many."""
        return self._remove(f"ClusterId == {cluster} && ProcId >= 0 && JobStatus == 5", reason)

    def remove_cluster(self, cluster: int, reason: str) -> int:
        """Remove a whole pilot cluster, itself included."""
        return self._remove(f"ClusterId == {cluster}", reason)

    def _remove(self, where: str, reason: str) -> int:
        with asking(f"remove ({where})"):
            # A plain string as reason is dropped by htcondor2 25.14.1; a pair is not.
            result = self._schedd.act(htcondor2.JobAction.Remove, where, reason=(reason, 0))
        return int(result["TotalSuccess"])

    def _query(
        self,
        what: str,
        where: str,
        attributes: Sequence[str],
        opts: htcondor2.QueryOpts = htcondor2.QueryOpts.Default,
    ) -> list[classad2.ClassAd]:
        self.queries += 1
        with asking(what):
            found: list[classad2.ClassAd] = self._schedd.query(
                where, projection=list(attributes), opts=opts
            )
        return found

    def _of(self, owner: str) -> str:
        """The pilots that the requester has asked for, under its account here."""
        names = (json.dumps(owner), json.dumps(self.requester))
        return f"{_PILOT} && Owner == {names[0]} && GlideinRequester == {names[1]}"
