# SPDX-License-Identifier: Apache-2.0
"""Cross checks of a policy: what is right by itself and wrong together, or wrong on this host.

What stands in files and in HTCondor's own knobs comes in as values (`Host`), seen by the caller.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from condor_plugins.core.checking_expressions import entry_expressions, group_expressions
from condor_plugins.core.checking_factory import factory_tables
from condor_plugins.core.checking_grid import wrong_grid_resource
from condor_plugins.core.checking_holds import hold_codes
from condor_plugins.core.checking_limits import limit_checks
from condor_plugins.core.policy import Credential, Downtime, Entry, Policy
from condor_plugins.core.problems import Problem
from condor_plugins.core.reading import WrongValueError, names, nearest, parse_ad


@dataclass(frozen=True, slots=True)
class FileFact:
    """What can be seen of a path; `hidden`: this account may not look whether it is there."""

    state: Literal["there", "missing", "hidden"]
    is_directory: bool = False
    mode: int = 0
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Host:
    """What the check needs to know of this host.

    `batch_types`: further types of grid type batch that this host has helper scripts or a GAHP
    for. `files`: every path of `paths_to_see`.
    """

    now_s: float
    cron_jobs: frozenset[str] = frozenset()
    trust_domain: str = ""
    batch_types: frozenset[str] = frozenset()
    files: Mapping[str, FileFact] = field(default_factory=dict)


def manifest(entry: Entry) -> str:
    """The file that says what an entry's pilot is made of."""
    return f"{entry.pilot_dir}/glidein-manifest.txt"


def paths_to_see(policy: Policy) -> set[str]:
    """The files and directories that the checks ask about."""
    found = {one.path for one in policy.credentials.values()}
    found |= {policy.settings.token_directory}
    for entry in policy.entries.values():
        here = _as_seen_here(entry, policy)
        found |= {here.log_dir, manifest(here) if here.pilot_dir else ""}
    return found - {""}


def _as_seen_here(entry: Entry, policy: Policy) -> Entry:
    """Directories of another host's factory cannot be looked at; its pilot's files are here too."""
    if not entry.factory:
        return entry
    return replace(entry, pilot_dir=policy.settings.pilot_dir, log_dir="")


def cross_checks(policy: Policy, knobs: Mapping[str, str], host: Host) -> tuple[Problem, ...]:
    """Every problem beyond those that reading the policy gave; each once."""
    found = [
        *_host(policy, host),
        *factory_tables(knobs),
        *(one for entry in policy.entries.values() for one in _entry(entry, policy, knobs, host)),
        *(one for entry in policy.entries.values() for one in entry_expressions(entry)),
        *(one for entry in policy.entries.values() for one in hold_codes(entry)),
        *_groups(policy),
        *limit_checks(policy, knobs),
        *(one for each in policy.credentials.values() for one in _credential(each, policy, host)),
        *_facilities(policy, knobs),
        *(one for name, each in policy.downtimes.items() for one in _downtime(name, each, host)),
    ]
    return tuple(dict.fromkeys(found))


def _host(policy: Policy, host: Host) -> Iterator[Problem]:
    """HTCondor's own side: the cron job, the trust domain, the token of the account."""
    if not host.trust_domain:
        yield Problem("TRUST_DOMAIN", "", "is not set: pilots could not join the pool")
    if "GLIDEIN" not in host.cron_jobs:
        text = (
            "does not have GLIDEIN: this host runs no provisioner;"
            " add 50-glidein-access-point.conf and restart the schedd"
        )
        yield Problem("SCHEDD_CRON_JOBLIST", "", text, "warning")
        return
    fact = host.files.get(policy.settings.token_directory, FileFact("hidden"))
    where = f"directory {policy.settings.token_directory}"
    if fact.state == "missing" or (fact.state == "there" and not fact.is_directory):
        text = (
            f"{where} is not there: the provisioner needs an IDTOKEN of"
            f" {policy.settings.account}@{host.trust_domain} in it"
        )
        yield Problem("GLIDEIN_TOKEN_DIRECTORY", "", text)
    elif fact.state == "there" and fact.mode & 0o077:
        text = f"{where} is open to other accounts (mode {fact.mode:04o}); run chmod 700"
        yield Problem("GLIDEIN_TOKEN_DIRECTORY", "", text)
    if not policy.entries and not _some_broken(policy, "entry"):
        text = "is empty: no pilot is asked for; config.d/examples/70-entries.conf shows an entry"
        yield Problem("GLIDEIN_ENTRY_NAMES", "", text, "warning")


def _entry(entry: Entry, policy: Policy, knobs: Mapping[str, str], host: Host) -> Iterator[Problem]:
    knob = f"GLIDEIN_ENTRY_{entry.name}"
    wrong = wrong_grid_resource(entry.grid_resource.split(), host.batch_types)
    if wrong and not entry.factory:
        yield Problem(knob, "GridResource", wrong)
    if policy.callback_credential(entry) is None and not _some_broken(policy, "credential"):
        domains = {o.trust_domain for o in policy.credentials.values() if o.purpose == "callback"}
        text = f'no credential with Purpose "callback" has TrustDomain "{entry.trust_domain}"'
        yield Problem(knob, "TrustDomain", text + nearest(entry.trust_domain, domains - {""}))
    if entry.idle_timeout_s > entry.wall_time_s:
        text = f"is {entry.idle_timeout_s} s, longer than WallTime ({entry.wall_time_s} s)"
        yield Problem(knob, "IdleTimeout", text, "warning")
    if entry.max_idle_pilots > entry.max_pilots:
        yield _too_many_waiting(knob, entry.max_idle_pilots, entry.max_pilots)
    if entry.shape.gpus:
        text = "pilots offer no GPUs yet: they would come for jobs that want one, and run none"
        yield Problem(knob, "GPUs", text, "warning")
    facility = entry.ad.eval("Facility") if "Facility" in entry.ad else ""
    known = names(knobs.get("GLIDEIN_FACILITY_NAMES", ""))
    if facility and facility not in known:
        text = f"{facility!r} is not in GLIDEIN_FACILITY_NAMES{nearest(facility, known)}"
        yield Problem(knob, "Facility", text)
    yield from _directories(_as_seen_here(entry, policy), knob, policy.settings.account, host)
    used = any(policy.serves(group, entry) for group in policy.groups.values())
    if not used and not _some_broken(policy, "group"):
        text = "no group uses this entry: no Entries expression selects it"
        yield Problem(knob, "", text, "warning")


def _directories(entry: Entry, knob: str, account: str, host: Host) -> Iterator[Problem]:
    """Where the pilot's files and logs are."""
    if not entry.pilot_dir:
        yield Problem(knob, "PilotDir", "is not given, and GLIDEIN_PILOT_DIR is not set")
    elif (state := _seen(host, manifest(entry)).state) == "missing":
        text = f"{manifest(entry)} is not there; run tools/pack --output {entry.pilot_dir}"
        yield Problem(knob, "PilotDir", text)
    elif state == "hidden":
        yield Problem(knob, "PilotDir", _may_not_look(manifest(entry)), "warning")
    if not entry.factory:
        yield from _log_directory(entry, knob, account, host)


def _log_directory(entry: Entry, knob: str, account: str, host: Host) -> Iterator[Problem]:
    fact = _seen(host, entry.log_dir)
    if not entry.log_dir:
        yield Problem(knob, "LogDir", "is not given, and GLIDEIN_PILOT_LOG_DIR is not set")
    elif fact.state == "hidden":
        yield Problem(knob, "LogDir", _may_not_look(entry.log_dir), "warning")
    elif fact.state == "missing" or not fact.is_directory:
        text = f"{entry.log_dir} is no directory; make it, owned by {account}"
        yield Problem(knob, "LogDir", text)
    elif fact.owner != account:
        text = f"{entry.log_dir} belongs to {fact.owner}; pilots write there as {account}"
        yield Problem(knob, "LogDir", text, "warning")


def _groups(policy: Policy) -> Iterator[Problem]:
    entries = tuple(policy.entries.values())
    for group in policy.groups.values():
        knob = f"GLIDEIN_GROUP_{group.name}"
        if group.max_idle_pilots > group.max_pilots:
            yield _too_many_waiting(knob, group.max_idle_pilots, group.max_pilots)
        yield from group_expressions(group, entries)
        useful = any(policy.serves(group, entry) for entry in entries)
        if not useful and not _some_broken(policy, "entry"):
            yield Problem(knob, "Entries", "selects no entry", "warning")


def _too_many_waiting(knob: str, idle: int, most: int) -> Problem:
    return Problem(knob, "MaxIdlePilots", f"is {idle}, more than MaxPilots ({most})", "warning")


def _credential(one: Credential, policy: Policy, host: Host) -> Iterator[Problem]:
    knob = f"GLIDEIN_CREDENTIAL_{one.name}"
    alike = [entry for entry in policy.entries.values() if entry.trust_domain == one.trust_domain]
    if not alike and not _some_broken(policy, "entry"):
        domains = {entry.trust_domain for entry in policy.entries.values()} - {""}
        text = f'no entry has TrustDomain "{one.trust_domain}"{nearest(one.trust_domain, domains)}'
        yield Problem(knob, "TrustDomain", text, "warning")
    elif alike and one.purpose == "callback" and policy.callback_credential(alike[0]) is not one:
        first = policy.callback_credential(alike[0])
        text = f"is never used: {first.name if first else ''} has the same TrustDomain and is first"
        yield Problem(knob, "", text, "warning")
    if not alike or any(not entry.factory for entry in alike):
        yield from _secret(knob, one.path, policy.settings.account, host)


def _secret(knob: str, path: str, account: str, host: Host) -> Iterator[Problem]:
    fact = _seen(host, path)
    if fact.state == "hidden":
        yield Problem(knob, "Path", _may_not_look(path), "warning")
    elif fact.state == "missing" or fact.is_directory:
        yield Problem(knob, "Path", f"{path} is no file")
    elif fact.mode & 0o077:
        text = f"{path} can be read by other accounts (mode {fact.mode:04o}); run chmod 600 {path}"
        yield Problem(knob, "Path", text)
    elif fact.owner != account:
        text = f"{path} belongs to {fact.owner}; run chown {account} {path}"
        yield Problem(knob, "Path", text)


def _facilities(policy: Policy, knobs: Mapping[str, str]) -> Iterator[Problem]:
    """The credential that a facility names must be there."""
    for name in names(knobs.get("GLIDEIN_FACILITY_NAMES", "")):
        try:
            ad = parse_ad(knobs.get(f"GLIDEIN_FACILITY_{name}".upper(), ""))
        except WrongValueError:
            continue  # reading the policy has told it
        wanted = ad.eval("Credential") if "Credential" in ad else ""
        if wanted and wanted not in policy.credentials:
            text = f"{wanted!r} is no credential{nearest(str(wanted), policy.credentials)}"
            yield Problem(f"GLIDEIN_FACILITY_{name}", "Credential", text)


def _downtime(name: str, one: Downtime, host: Host) -> Iterator[Problem]:
    if one.window(host.now_s) is None:
        text = f"has ended; `glidein up {name}` removes it"
        yield Problem(f"GLIDEIN_DOWNTIME_{name}", "", text, "warning")


def _some_broken(policy: Policy, kind: str) -> bool:
    """Whether objects of this kind cannot be used: then others seem unused because of them."""
    return any(name.startswith(f"{kind} ") for name in policy.broken)


def _seen(host: Host, path: str) -> FileFact:
    return host.files.get(path, FileFact("hidden"))


def _may_not_look(path: str) -> str:
    return f"this account may not look whether {path} is there; run glidein check as root"
