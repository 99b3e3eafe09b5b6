# SPDX-License-Identifier: Apache-2.0
"""The pilots that can be submitted: rendered from entries, groups and the packed files."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from condor_plugins.core.asking import pairs
from condor_plugins.core.errors import Misconfigured
from condor_plugins.core.limit_rows import Pair
from condor_plugins.core.pilot_job import Factory, PilotJob, render
from condor_plugins.core.policy import Entry, Policy
from condor_plugins.core.problems import Problem

MAY_NOT_READ = "this account may not read it; every account should be able to"
_MANIFEST = "glidein-manifest.txt"
_LINE = re.compile(rb"[0-9a-f]{64} [ *]([A-Za-z0-9_.-]+)")  # as sha256sum writes it


class Pilots(NamedTuple):
    """The pilot job of every (group, entry); one that cannot be rendered is named in `problems`.

    `digests` has every pair that the configuration wants, with "" where there is no pilot job:
    what is in the queue for it must be left alone, not taken for unwanted.
    """

    jobs: Mapping[Pair, PilotJob]
    digests: Mapping[Pair, str]
    problems: tuple[Problem, ...]


def render_pilots(policy: Policy, schedd: str, trust_domain: str) -> Pilots:
    """One pilot job for each entry that serves a group."""
    jobs: dict[Pair, PilotJob] = {}
    digests: dict[Pair, str] = {}
    problems: list[Problem] = []
    for group, entry in pairs(policy):
        pair = group.name, entry.name
        digests[pair] = ""
        try:
            if policy.serves(group, entry) is None:
                raise Misconfigured(f"Entries of group {group.name} is neither true nor false here")
            factory = _factory(policy, entry, schedd, trust_domain)
            jobs[pair] = render(entry, group, policy.callback_credential(entry), factory)
            digests[pair] = jobs[pair].digest
        except Misconfigured as err:
            problems.append(Problem(f"GLIDEIN_ENTRY_{entry.name}", "", str(err)))
    return Pilots(jobs, digests, tuple(dict.fromkeys(problems)))


def _factory(policy: Policy, entry: Entry, schedd: str, trust_domain: str) -> Factory:
    """Another host's PilotDir cannot be read here: GLIDEIN_PILOT_DIR holds the same files."""
    settings = policy.settings
    digest, files = _manifest(settings.pilot_dir if entry.factory else entry.pilot_dir)
    where = entry.factory or schedd
    return Factory(where, trust_domain, settings.collector, settings.account, digest, files, schedd)


def _manifest(pilot_dir: str) -> tuple[str, tuple[str, ...]]:
    """The manifest's checksum, and the files it names other than the executable."""
    if not pilot_dir:
        raise Misconfigured("no PilotDir, and GLIDEIN_PILOT_DIR is not set; tools/pack fills it")
    path = Path(pilot_dir, _MANIFEST)
    try:
        content = path.read_bytes()
    except PermissionError as err:
        raise Misconfigured(f"{path}: {MAY_NOT_READ}") from err
    except OSError as err:
        raise Misconfigured(f"{path}: {err.strerror}; run tools/pack --output {pilot_dir}") from err
    named = [_LINE.fullmatch(line) for line in content.splitlines()]
    files = tuple(line[1].decode() for line in named if line and line[1] != b"glidein.sh")
    if not files or not all(named):
        raise Misconfigured(f"{path} is damaged; run tools/pack --output {pilot_dir}")
    return hashlib.sha256(content).hexdigest(), files
