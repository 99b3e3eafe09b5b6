# SPDX-License-Identifier: Apache-2.0
"""Cross checks of a policy: what is right by itself and wrong together, or wrong on this host.

What stands in files and in HTCondor's own knobs comes in as values (`Host`), seen by the caller.
"""

from collections.abc import Iterator, Mapping

from condor_plugins.core.checking_expressions import entry_expressions, group_expressions
from condor_plugins.core.checking_facilities import entry_at_facility, facility_checks
from condor_plugins.core.checking_factory import factory_tables
from condor_plugins.core.checking_files import as_seen_here, directories, secret
from condor_plugins.core.checking_grid import wrong_grid_resource
from condor_plugins.core.checking_holds import hold_codes
from condor_plugins.core.checking_limits import limit_checks
from condor_plugins.core.host_facts import FileFact, Host
from condor_plugins.core.policy import Credential, Downtime, Entry, Policy
from condor_plugins.core.problems import Problem
from condor_plugins.core.reading import names, nearest


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
        *facility_checks(policy, host),
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
    more = {*host.batch_types, *map(str.lower, names(knobs.get("GLIDEIN_FACILITY_NAMES", "")))}
    wrong = wrong_grid_resource(entry.grid_resource.split(), more)
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
    yield from entry_at_facility(entry, policy, knobs)
    yield from directories(as_seen_here(entry, policy), knob, policy.settings.account, host)
    used = any(policy.serves(group, entry) for group in policy.groups.values())
    if not used and not _some_broken(policy, "group"):
        text = "no group uses this entry: no Entries expression selects it"
        yield Problem(knob, "", text, "warning")


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
        yield from secret(knob, one.path, policy.settings.account, host)


def _downtime(name: str, one: Downtime, host: Host) -> Iterator[Problem]:
    if one.window(host.now_s) is None:
        text = f"has ended; `glidein up {name}` removes it"
        yield Problem(f"GLIDEIN_DOWNTIME_{name}", "", text, "warning")


def _some_broken(policy: Policy, kind: str) -> bool:
    """Whether objects of this kind cannot be used: then others seem unused because of them."""
    return any(name.startswith(f"{kind} ") for name in policy.broken)
