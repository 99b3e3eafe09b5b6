# SPDX-License-Identifier: Apache-2.0
"""The entry or site that a person means."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import click

from condor_plugins.core.policy import Policy
from condor_plugins.core.reading import names, nearest
from condor_plugins.core.table import DOWNTIME, KNOBS

_KNOB_NAME = re.compile(r"[A-Za-z0-9_]+\Z")


@dataclass(frozen=True, slots=True)
class Subject:
    """What one name stands for: an entry, a site, or both; each as it is configured, or empty."""

    entry: str
    site: str

    @property
    def name(self) -> str:
        return self.entry or self.site

    @property
    def knob(self) -> str:
        return DOWNTIME.prefix + self.name

    @property
    def title(self) -> str:
        """As the first words of a sentence."""
        words = str(self)
        return words[0].upper() + words[1:]

    def __str__(self) -> str:
        kinds = [kind for kind, name in (("entry", self.entry), ("site", self.site)) if name]
        return f"{' and '.join(kinds)} {self.name}"


def known_subject(name: str, knobs: Mapping[str, str], policy: Policy) -> Subject:
    """The entry, or the site with all its entries; for which a downtime can be written."""
    entries = names(knobs.get("GLIDEIN_ENTRY_NAMES", ""))
    listed = names(knobs.get("GLIDEIN_SITE_NAMES", ""))
    sites = [*listed, *(entry.site for entry in policy.entries.values())]
    subject = Subject(_spelled(name, entries), _spelled(name, sites))
    if not subject.name:
        hint = nearest(name, [*entries, *sites])
        raise click.BadParameter(f"{name!r} is neither an entry nor a site{hint}")
    taken = {knob.name.upper() for knob in KNOBS}
    if not _KNOB_NAME.match(subject.name) or subject.knob.upper() in taken:
        raise click.BadParameter(
            f"{subject.knob} can be no knob: put the entries of {subject} down"
        )
    return subject


def _spelled(name: str, known: Iterable[str]) -> str:
    return next((one for one in known if one.lower() == name.lower()), "")


def known_object(text: str, knobs: Mapping[str, str]) -> tuple[str, str]:
    """("entry" or "group", its name as configured), whatever the case it was typed in.

    `entry:` or `group:` in front says which, where both have the name.
    """
    kind, colon, name = text.partition(":")
    kinds = [one for one in _KINDS if not colon or one == kind.lower()]
    listed = {one: names(knobs.get(_KINDS[one], "")) for one in kinds}
    wanted = (name if colon else text).lower()
    found = [(one, known) for one, all_of in listed.items() for known in all_of]
    chosen = [pair for pair in found if pair[1].lower() == wanted]
    if len(chosen) == 1:
        return chosen[0]
    if chosen:
        text = f"{text!r} is an entry and a group: write entry:{text} or group:{text}"
        raise click.BadParameter(text, param_hint=_WHAT)
    hint = nearest(wanted, (known for _, known in found))
    problem = f"{text!r} is no job (cluster.proc, for example 12.0), no entry and no group{hint}"
    raise click.BadParameter(problem, param_hint=_WHAT)


_KINDS = {"entry": "GLIDEIN_ENTRY_NAMES", "group": "GLIDEIN_GROUP_NAMES"}
_WHAT = "'JOB|ENTRY|GROUP'"
