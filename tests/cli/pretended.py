# SPDX-License-Identifier: Apache-2.0
"""A world without daemons: knobs, jobs, pilots and slots as values; files in a directory."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import classad2

from condor_plugins.core.asking import pairs
from condor_plugins.core.errors import TryAgain
from condor_plugins.core.host_facts import FileFact
from condor_plugins.core.plan import Memory
from condor_plugins.core.policy import Policy
from condor_plugins.core.problems import Problem
from condor_plugins.core.snapshot import PilotCluster, Slot, Snapshot
from condor_plugins.pool.ads import job_kind
from condor_plugins.pool.configuration import Place
from condor_plugins.pool.factory import Pilots

NOW_S = 1_795_000_000
ENTRY = """
  Site = "NERSC"
  GridResource = "batch slurm"
  TrustDomain = "nersc"
  Cpus = 8
  Memory = 16000
  WallTime = 3600
  MaxPilots = 6
  MaxIdlePilots = 4
"""
KNOBS = {
    "GLIDEIN_ENTRY_NAMES": "Perlmutter Highmem",
    "GLIDEIN_ENTRY_PERLMUTTER": ENTRY,
    "GLIDEIN_ENTRY_HIGHMEM": ENTRY.replace("16000", "64000").replace("Cpus = 8", "Cpus = 4"),
    "GLIDEIN_GROUP_NAMES": "alice",
    "GLIDEIN_GROUP_ALICE": 'Jobs = Owner == "alice"',
    "GLIDEIN_CREDENTIAL_NAMES": "pool",
    "GLIDEIN_CREDENTIAL_POOL": 'Purpose = "callback"\nTrustDomain = "nersc"\nPath = "/pool.token"',
    "GLIDEIN_PILOT_DIR": "/pilot",
    "GLIDEIN_PILOT_LOG_DIR": "/log",
    "GLIDEIN_TOKEN_DIRECTORY": "/tokens.d",
    "GLIDEIN_PERIOD": "60s",
    "GLIDEIN_TIMEOUT": "1",
}
_REQUIREMENTS = (
    '(TARGET.Arch == "X86_64") && (TARGET.OpSys == "LINUX") && (TARGET.Disk >= RequestDisk)'
    " && (TARGET.Memory >= RequestMemory) && (TARGET.HasFileTransfer)"
)
_PROJECTED = ("Owner", "RequestCpus", "RequestMemory", "RequestDisk", "Requirements", "Project")
SECRET = FileFact("there", mode=0o600, owner="glidein")
DIRECTORY = FileFact("there", is_directory=True, mode=0o700, owner="glidein")


def job(cluster: int, process: int = 0, **attributes: object) -> classad2.ClassAd:
    """The whole ad of an idle vanilla job of alice: 2 cores, 1000 MiB."""
    ad = classad2.ClassAd()
    given: dict[str, object] = {
        "ClusterId": cluster,
        "ProcId": process,
        "Owner": "alice",
        "JobStatus": 1,
        "JobUniverse": 5,
        "QDate": NOW_S - 600,
        "EnteredCurrentStatus": NOW_S - 600,
        "RequestCpus": 2,
        "RequestMemory": 1000,
        "RequestDisk": 1000,
        "Requirements": classad2.ExprTree(_REQUIREMENTS),
    }
    for name, value in (given | attributes).items():
        ad[name] = value
    return ad


def pilots(entry: str, group: str = "alice", **counts: Any) -> PilotCluster:
    """The pilot cluster that carries the request now."""
    return PilotCluster(7, group, entry, "digest", 0, 0, **counts)


@dataclass
class Pretended:
    """The World of the tests; change its fields, then run a command."""

    directory: Path
    knobs: dict[str, str] = field(default_factory=lambda: dict(KNOBS))
    own_knobs: dict[str, str] = field(
        default_factory=lambda: {"SCHEDD_CRON_JOBLIST": "GLIDEIN", "TRUST_DOMAIN": "example.org"}
    )
    jobs: list[classad2.ClassAd] = field(default_factory=list)
    clusters: tuple[PilotCluster, ...] = ()
    slots: tuple[Slot, ...] = ()
    slot_ads: list[classad2.ClassAd] = field(default_factory=list)
    files: dict[str, FileFact] = field(default_factory=dict)
    known_places: Mapping[str, Place] = field(default_factory=dict)
    unmade: dict[str, str] = field(default_factory=dict)
    document: dict[str, Any] = field(default_factory=dict)
    failed: tuple[str, ...] = ()
    collector_age_s: float | None = 100_000
    reads_drop_ins: bool = True
    gateway: dict[str, Mapping[str, Any] | None] = field(default_factory=dict)
    test_lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.knobs["GLIDEIN_DOWNTIME_FILE"] = str(self.directory / "90-downtimes.conf")
        self.knobs["GLIDEIN_STATE_DIR"] = str(self.directory)
        self.files |= {
            "/pool.token": SECRET,
            "/pilot/glidein-manifest.txt": FileFact("there", mode=0o644, owner="root"),
            "/log": DIRECTORY,
            "/tokens.d": DIRECTORY,
        }
        self._read: dict[str, str] = {}

    @property
    def downtime_file(self) -> Path:
        return Path(self.knobs["GLIDEIN_DOWNTIME_FILE"])

    def now_s(self) -> float:
        return NOW_S

    def user(self) -> str:
        return "root"

    def texts(self) -> Mapping[str, str]:
        return self.knobs | self._read

    def knob(self, name: str) -> str:
        return self.own_knobs.get(name, "")

    def reread(self) -> None:
        """As HTCondor reads a drop-in; there is nothing to expand in what the command writes."""
        lines = self.downtime_file.read_text().splitlines() if self.reads_drop_ins else []
        pairs_of = (line.split(" = ", 1) for line in lines if not line.startswith("#"))
        self._read = {name.upper(): text for name, text in pairs_of}
        assert not any("$" in text for text in self._read.values())

    def places(self, timeout_s: float) -> Mapping[str, Place]:
        return self.known_places

    def file(self, path: str) -> FileFact:
        return self.files.get(path, FileFact("missing"))

    def batch_types(self, wanted: Iterable[str]) -> frozenset[str]:
        return frozenset({"nersc"} & set(wanted))

    def schedd_name(self) -> str:
        return "ap"

    def pilots(self, policy: Policy) -> Pilots:
        found = {
            (group.name, entry.name): "" if entry.name in self.unmade else "digest"
            for group, entry in pairs(policy)
        }
        problems = (
            Problem(f"GLIDEIN_ENTRY_{name}", "", text) for name, text in self.unmade.items()
        )
        return Pilots({}, found, tuple(problems))

    def snapshot(self, policy: Policy) -> Snapshot:
        kinds = tuple(job_kind(row) for row in self._rows())
        return Snapshot(NOW_S, kinds, self.slots, self.clusters, self.collector_age_s, self.failed)

    def _rows(self) -> list[classad2.ClassAd]:
        """Idle vanilla jobs as a GroupBy query gives them."""
        rows: dict[str, classad2.ClassAd] = {}
        for ad in self.jobs:
            if ad["JobStatus"] != 1 or ad["JobUniverse"] != 5:
                continue
            names = [name for name in _PROJECTED if name in ad]
            text = "\n".join(f"{name} = {ad.lookup(name)}" for name in names)
            if text not in rows:
                row = rows[text] = classad2.ClassAd()
                for name in names:
                    row[name] = ad.lookup(name)
                row["JobIds"], row["JobCount"] = f"{ad['ClusterId']}.{ad['ProcId']}", 0
            rows[text]["JobCount"] = rows[text]["JobCount"] + 1
        return list(rows.values())

    def memory(self, policy: Policy) -> Memory:
        return Memory()

    def last_plan(self, policy: Policy) -> Mapping[str, Any]:
        return self.document

    def glidein_slots(self) -> list[classad2.ClassAd]:
        return self.slot_ads

    def job(self, job_id: str) -> classad2.ClassAd | None:
        wanted = tuple(map(int, job_id.split(".")))
        return next((ad for ad in self.jobs if (ad["ClusterId"], ad["ProcId"]) == wanted), None)

    def gateway_state(self, policy: Policy, facility: str) -> Mapping[str, Any] | None:
        return self.gateway.get(facility, {})

    def facility_test(self, policy: Policy, facility: str, timeout_s: float) -> Iterator[str]:
        return iter(self.test_lines)

    def cluster_states(self, cluster: int) -> list[classad2.ClassAd]:
        if self.failed:
            raise TryAgain(self.failed[0])
        return [
            classad2.ClassAd({
                "JobStatus": ad["JobStatus"],
                "JobIds": f"{ad['ClusterId']}.{ad['ProcId']}",
            })
            for ad in self.jobs
            if ad["ClusterId"] == cluster
        ]


def ran(age_s: float = 10, **changes: Any) -> dict[str, Any]:
    """The document of a cycle `age_s` ago."""
    return {"now_s": NOW_S - age_s, "frozen": "", "actions": [], "outcomes": []} | changes
