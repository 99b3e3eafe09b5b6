# SPDX-License-Identifier: Apache-2.0
"""How a pilot is submitted: an entry and a group become one submit description.

The pilot learns what it is from its second argument, one base64 word: the command line passes
through blahpd's wordexp and a shell, which leave that alphabet as it is.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from condor_plugins.core.errors import Misconfigured
from condor_plugins.core.policy import Credential, Entry, Group

_GOOD_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z")
# How the local batch systems of grid type "batch" are asked for the cores of one node; blahp
# itself hands over memory, run time, queue and project, but not RequestCpus.
_CORES = {
    "slurm": "--nodes=1 --ntasks=1 --cpus-per-task={cpus}",
    "pbs": "-l nodes=1:ppn={cpus}",
    "sge": "-pe smp {cpus}",
    "lsf": "-n {cpus} -R span[hosts=1]",
}


@dataclass(frozen=True, slots=True)
class Factory:
    """What every pilot of this schedd shares; `files` are the names in the pilot's manifest."""

    schedd: str
    trust_domain: str
    collector: str
    account: str
    manifest_sha256: str
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PilotJob:
    """Submit commands of a pilot cluster, without what a request steers (how many)."""

    commands: Mapping[str, str]

    @property
    def digest(self) -> str:
        """Changes when anything about the pilot changes; then a new cluster is made."""
        text = json.dumps(dict(self.commands), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def render(entry: Entry, group: Group, credential: Credential | None, factory: Factory) -> PilotJob:
    """The submit description. Raises Misconfigured when something it needs is missing."""
    if credential is None:
        raise Misconfigured(
            f'no GLIDEIN_CREDENTIAL_ has Purpose "callback" and TrustDomain "{entry.trust_domain}"'
        )
    if not entry.log_dir:
        raise Misconfigured("no LogDir, and GLIDEIN_PILOT_LOG_DIR is not set")
    for name in (entry.name, group.name):
        if not _GOOD_NAME.match(name):
            raise Misconfigured(f"{name!r} should be of letters, digits, '_', '-' and '.' only")
    token = credential.path.rpartition("/")[2]
    files = [f"{entry.pilot_dir}/{name}" for name in ("glidein-manifest.txt", *factory.files)]
    word = describe(description(entry, group, token, factory))
    commands = {
        "universe": "grid",
        "grid_resource": entry.grid_resource,
        "executable": f"{entry.pilot_dir}/glidein.sh",
        "arguments": f"{pilot_prefix(factory.schedd)}$(Cluster).$(Process) {word}",
        "transfer_input_files": ", ".join([*files, credential.path]),
        "initialdir": entry.log_dir,
        "output": "pilot.$(Cluster).$(Process).out",
        "error": "pilot.$(Cluster).$(Process).err",
        "request_cpus": str(entry.shape.cpus),
        "request_memory": str(entry.shape.memory_mb),
        "request_disk": str(entry.shape.disk_mb * 1024),
        "batch_runtime": str(entry.wall_time_s),
        "periodic_remove": "JobStatus == 5"
        f" && time() - EnteredCurrentStatus > {entry.held_timeout_s}",
        "MY.GlideinEntry": json.dumps(entry.name),
        "MY.GlideinGroup": json.dumps(group.name),
        "MY.GlideinSite": json.dumps(entry.site, ensure_ascii=False),
    }
    return PilotJob(commands | _site_commands(entry))


def pilot_prefix(schedd: str) -> str:
    """What the names of this schedd's pilots begin with; "cluster.proc" follows."""
    return re.sub(r"[^A-Za-z0-9_.]", "_", schedd) + "-"


def _site_commands(entry: Entry) -> dict[str, str]:
    """The entry's Submit ad as job attributes, with the request for cores in front of its own."""
    given = {f"MY.{name}": _one_line(str(value)) for name, value in entry.submit.items()}
    kind = entry.grid_resource.split()
    cores = _CORES.get(kind[1], "") if len(kind) > 1 and kind[0] == "batch" else ""
    if cores:
        own = given.pop("MY.BatchExtraSubmitArgs", '""').strip('"')
        text = f"{cores.format(cpus=entry.shape.cpus)} {own}".strip()
        given["MY.BatchExtraSubmitArgs"] = json.dumps(text)
    return {name: value.replace("$(", "$(DOLLAR)(") for name, value in given.items()}


def description(entry: Entry, group: Group, token_file: str, factory: Factory) -> dict[str, str]:
    """What the pilot has to know, by name; values are text of one line (docs/pilot.md)."""
    shape = entry.shape
    values = {
        "Collector": factory.collector,
        "TrustDomain": factory.trust_domain,
        "Schedd": factory.schedd,
        "Site": entry.site,
        "Entry": entry.name,
        "Group": group.name,
        "Cpus": str(shape.cpus),
        "MemoryMB": str(shape.memory_mb),
        "DiskMB": str(shape.disk_mb),
        "WallTimeS": str(entry.wall_time_s),
        "IdleTimeoutS": str(entry.idle_timeout_s),
        "Start": f"({entry.start}) && ({group.start})",
        "ManifestSha256": factory.manifest_sha256,
        "TokenFile": token_file,
    }
    values |= {f"Attr.{name}": str(value) for name, value in entry.attributes.items()}
    return {name: _one_line(value) for name, value in values.items()}


def describe(values: Mapping[str, str]) -> str:
    """The one word that carries the description to the pilot."""
    lines = "".join(f"{name}\t{value}\n" for name, value in values.items())
    return base64.b64encode(lines.encode()).decode()


def _one_line(text: str) -> str:
    return " ".join(text.split("\n"))
