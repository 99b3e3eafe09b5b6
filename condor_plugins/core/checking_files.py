# SPDX-License-Identifier: Apache-2.0
"""Files and directories that the configuration names: are they there, whose are they?"""

from collections.abc import Iterator

from condor_plugins.core.host_facts import Host, may_not_look, seen
from condor_plugins.core.policy import Entry, Policy
from condor_plugins.core.problems import Problem


def manifest(entry: Entry) -> str:
    """The file that says what an entry's pilot is made of."""
    return f"{entry.pilot_dir}/glidein-manifest.txt"


def paths_to_see(policy: Policy) -> set[str]:
    """The files and directories that the checks ask about."""
    found = {one.path for one in policy.credentials.values()}
    found |= {policy.settings.token_directory}
    for entry in policy.entries.values():
        here = as_seen_here(entry, policy)
        found |= {here.log_dir, manifest(here) if here.pilot_dir else ""}
    return found - {""}


def as_seen_here(entry: Entry, policy: Policy) -> Entry:
    """Directories of another host's factory cannot be looked at; its pilot's files are here too."""
    if not entry.factory:
        return entry
    return entry._replace(pilot_dir=policy.settings.pilot_dir, log_dir="")


def directories(entry: Entry, knob: str, account: str, host: Host) -> Iterator[Problem]:
    """Where the pilot's files and logs are."""
    if not entry.pilot_dir:
        yield Problem(knob, "PilotDir", "is not given, and GLIDEIN_PILOT_DIR is not set")
    elif (state := seen(host, manifest(entry)).state) == "missing":
        text = f"{manifest(entry)} is not there; run tools/pack --output {entry.pilot_dir}"
        yield Problem(knob, "PilotDir", text)
    elif state == "hidden":
        yield Problem(knob, "PilotDir", may_not_look(manifest(entry)), "warning")
    if not entry.factory:
        yield from _log_directory(entry, knob, account, host)


def _log_directory(entry: Entry, knob: str, account: str, host: Host) -> Iterator[Problem]:
    fact = seen(host, entry.log_dir)
    if not entry.log_dir:
        yield Problem(knob, "LogDir", "is not given, and GLIDEIN_PILOT_LOG_DIR is not set")
    elif fact.state == "hidden":
        yield Problem(knob, "LogDir", may_not_look(entry.log_dir), "warning")
    elif fact.state == "missing" or not fact.is_directory:
        text = f"{entry.log_dir} is no directory; make it, owned by {account}"
        yield Problem(knob, "LogDir", text)
    elif fact.owner != account:
        text = f"{entry.log_dir} belongs to {fact.owner}; pilots write there as {account}"
        yield Problem(knob, "LogDir", text, "warning")


def secret(knob: str, path: str, account: str, host: Host) -> Iterator[Problem]:
    fact = seen(host, path)
    if fact.state == "hidden":
        yield Problem(knob, "Path", may_not_look(path), "warning")
    elif fact.state == "missing" or fact.is_directory:
        yield Problem(knob, "Path", f"{path} is no file")
    elif fact.mode & 0o077:
        text = f"{path} can be read by other accounts (mode {fact.mode:04o}); run chmod 600 {path}"
        yield Problem(knob, "Path", text)
    elif fact.owner != account:
        text = f"{path} belongs to {fact.owner}; run chown {account} {path}"
        yield Problem(knob, "Path", text)
