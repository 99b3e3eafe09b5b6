# SPDX-License-Identifier: Apache-2.0
"""How a pilot is submitted: an entry and a group become one submit description.

The pilot learns what it is from its second argument, one base64 word: the command line passes
through blahpd's wordexp and a shell, which leave that alphabet as it is.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import classad2

from condor_plugins.core.errors import Misconfigured
from condor_plugins.core.facility_job import facility_attributes
from condor_plugins.core.policy import Credential, Entry, Group

_GOOD_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# What condor_submit would expand: $(NAME) and $FUNCTION(…), but not $$(…).
_MACRO = re.compile(r"(?<!\$)((?:\$\$)*)\$(?=\w*\()")
# How the local batch systems of grid type "batch" are asked for the cores of one node; blahp
# itself hands over memory, run time, queue and project, but not RequestCpus.
_CORES = {
    "slurm": "--nodes=1 --ntasks=1 --cpus-per-task={cpus}",
    "pbs": "-l nodes=1:ppn={cpus}",
    "sge": "-pe smp {cpus}",
    "lsf": "-n {cpus} -R span[hosts=1]",
}
# A held pilot is released after 5, 15 and 45 minutes: all within the default HeldTimeout.
_RELEASE_AFTER_S, _RELEASE_GROWTH, _MOST_RELEASES = 300, 3, 3


@dataclass(frozen=True, slots=True)
class Factory:
    """What every pilot of this schedd shares; `files` are the names in the pilot's manifest.

    `requester`: the schedd whose provisioner asks; empty where that is `schedd` itself.
    """

    schedd: str
    trust_domain: str
    collector: str
    account: str
    manifest_sha256: str
    files: tuple[str, ...]
    requester: str = ""


@dataclass(frozen=True, slots=True)
class PilotJob:
    """Submit commands of a pilot cluster, without what a request steers (how many).

    `factory`: the schedd that it is submitted to; empty is the local one.
    """

    commands: Mapping[str, str]
    factory: str = ""

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
    if not entry.log_dir and not entry.factory:
        raise Misconfigured("no LogDir, and GLIDEIN_PILOT_LOG_DIR is not set")
    for name in (entry.name, group.name):
        if not _GOOD_NAME.match(name):
            raise Misconfigured(f"{name!r} should be of letters, digits, '_', '-' and '.' only")
    token = credential.path.rpartition("/")[2]
    files = [f"{entry.pilot_dir}/{name}" for name in ("glidein-manifest.txt", *factory.files)]
    word = describe(description(entry, group, token, factory))
    given = {
        "grid_resource": entry.grid_resource,
        "executable": f"{entry.pilot_dir}/glidein.sh",
        "transfer_input_files": ", ".join([*files, credential.path]),
        # A directory of the factory is not on this host; there it is set by the factory itself.
        **({} if entry.factory else {"initialdir": entry.log_dir}),
    }
    commands = {
        "universe": "grid",
        **{name: _literal(name, value) for name, value in given.items()},
        "arguments": f"{pilot_prefix(factory.schedd)}$(Cluster).$(Process) {word}",
        "output": "pilot.$(Cluster).$(Process).out",
        "error": "pilot.$(Cluster).$(Process).err",
        "request_cpus": str(entry.shape.cpus),
        "request_memory": str(entry.shape.memory_mb),
        "request_disk": str(entry.shape.disk_mb * 1024),
        "batch_runtime": str(entry.wall_time_s),
        **_periodic_commands(entry),
        **_site_commands(entry),
    }
    # Last, and so in force whatever the entry's Submit says: by these a pilot is found again.
    requester = factory.requester or factory.schedd
    ours = {"Entry": entry.name, "Group": group.name, "Site": entry.site, "Requester": requester}
    marks = {f"MY.Glidein{name}": _unexpanded(classad2.quote(text)) for name, text in ours.items()}
    return PilotJob(commands | marks, entry.factory)


def _periodic_commands(entry: Entry) -> dict[str, str]:
    """What HTCondor does with pilots that wait for long or are held.

    QDate is the cluster's, and so is EnteredCurrentStatus until a pilot's first change of state.
    """
    since = "max({ JobMaterializeDate ?: QDate, EnteredCurrentStatus })"
    waits = f"JobStatus == 1 && time() - {since} > {entry.max_wait_s}"
    held = f"JobStatus == 5 && time() - EnteredCurrentStatus > {entry.held_timeout_s}"
    if entry.keep_held:
        held += f" && {_held_by(entry.keep_held)} =!= true"
    commands = {"periodic_remove": f"({waits}) || ({held})"}
    if entry.release_held:
        wait = f"{_RELEASE_AFTER_S} * pow({_RELEASE_GROWTH}, NumSystemHolds - 1)"
        commands["periodic_release"] = (
            f"{_held_by(entry.release_held)} && NumSystemHolds >= 1"
            f" && NumSystemHolds <= {_MOST_RELEASES} && time() - EnteredCurrentStatus > {wait}"
        )
    return commands


def _held_by(codes: Iterable[int]) -> str:
    return f"member(HoldReasonCode, {{ {', '.join(str(code) for code in codes)} }})"


def pilot_prefix(schedd: str) -> str:
    """What the names of this schedd's pilots begin with; "cluster.proc" follows."""
    return re.sub(r"[^A-Za-z0-9_.]", "_", schedd) + "-"


def _site_commands(entry: Entry) -> dict[str, str]:
    """The entry's Submit ad as job attributes, with the request for cores in front of its own."""
    if entry.at_facility:
        found = facility_attributes(entry).items()
        return {f"MY.{name}": _unexpanded(_one_line(text)) for name, text in found}
    given = {name.lower(): (name, value) for name, value in entry.submit.items()}
    kind = entry.grid_resource.split()
    cores = _CORES.get(kind[1], "") if len(kind) > 1 and kind[0] == "batch" else ""
    if cores:
        _, own = given.pop("batchextrasubmitargs", ("", None))
        text = f"{cores.format(cpus=entry.shape.cpus)} {_string(own)}".strip()
        given["batchextrasubmitargs"] = "BatchExtraSubmitArgs", classad2.quote(text)
    return {f"MY.{name}": _unexpanded(_one_line(str(value))) for name, value in given.values()}


def _string(value: object) -> str:
    """The string that an expression evaluates to; empty when it is none."""
    found = value.eval() if isinstance(value, classad2.ExprTree) else value
    return found if isinstance(found, str) else ""


def _literal(name: str, text: str) -> str:
    """A submit command's value as it is written. Raises Misconfigured if it cannot be one line."""
    if _CONTROL.search(text) or text.endswith("\\"):
        raise Misconfigured(f"{name} should be one line that ends without a backslash: {text!r}")
    return _unexpanded(text)


def _unexpanded(text: str) -> str:
    """Text that condor_submit leaves as it is: no macro and no function of it is expanded."""
    return _MACRO.sub(r"\1$(DOLLAR)", text)


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
        "TailTimeoutS": str(entry.tail_timeout_s),
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
    return _CONTROL.sub(" ", text)
