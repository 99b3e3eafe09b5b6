# SPDX-License-Identifier: Apache-2.0
"""From knob texts to a `Policy`; what cannot be used is left out and named."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, TypeVar

import classad2

from condor_plugins.core.downtimes import from_values, spellings, wrong_times
from condor_plugins.core.errors import Misconfigured
from condor_plugins.core.objects import credential, entry, facility, group, site
from condor_plugins.core.policy import UNREADABLE, Downtime, Policy, Settings
from condor_plugins.core.problems import Problem
from condor_plugins.core.reading import (
    WrongValueError,
    knob_value,
    names,
    nearest,
    object_values,
    parse_ad,
)
from condor_plugins.core.table import (
    CREDENTIAL,
    DOWNTIME,
    ENTRY,
    FACILITY,
    GROUP,
    KNOBS,
    OBJECT_KINDS,
    SITE,
    ObjectKind,
)

Made = TypeVar("Made")


def usable_policy(knobs: Mapping[str, str]) -> Policy:
    """As read_policy. Raises Misconfigured when a plain knob is wrong: it concerns every entry."""
    policy = read_policy(knobs)
    objects = (*(kind.prefix for kind in OBJECT_KINDS), DOWNTIME.prefix)
    errors = [one for one in policy.problems if one.severity == "error"]
    plain = [str(one) for one in errors if not one.knob.startswith(objects)]
    if plain:
        raise Misconfigured("; ".join(plain))
    return policy


def read_policy(knobs: Mapping[str, str]) -> Policy:
    """The policy in these knob texts (name in capitals → expanded text).

    A wrong object is left out and stands in `broken` and `problems`: the others go on.
    A wrong plain knob leaves its default in force and stands in `problems`.
    """
    reader = _Reader(knobs)
    settings = reader.settings()
    names_of = names(knobs.get(FACILITY.names_knob, ""))
    entries = reader.objects(ENTRY, partial(entry, settings, names_of))
    groups = reader.objects(GROUP, group)
    sites = reader.objects(SITE, site)
    credentials = reader.objects(CREDENTIAL, credential)
    facilities = reader.objects(FACILITY, facility)
    downtimes = reader.downtimes([*entries, *sites, *(one.site for one in entries.values())])
    reader.unlisted()
    return Policy(
        settings,
        entries,
        groups,
        credentials,
        downtimes,
        frozenset(reader.broken),
        tuple(reader.problems),
        sites,
        facilities,
    )


class _Reader:
    """Collects problems while it reads; one run over one set of knobs."""

    def __init__(self, knobs: Mapping[str, str]) -> None:
        self.knobs = knobs
        self.problems: list[Problem] = []
        self.broken: list[str] = []

    def settings(self) -> Settings:
        values = {knob.name: self._knob(knob.name) for knob in KNOBS}
        chosen: dict[str, Any] = {
            field_name: values[_knob_of(field_name)] for field_name in Settings._fields
        }
        return Settings(**chosen)

    def _knob(self, name: str) -> object:
        knob = next(one for one in KNOBS if one.name == name)
        try:
            return knob_value(knob, self.knobs.get(name, knob.default))
        except WrongValueError as wrong:
            self.problems.append(Problem(name, "", str(wrong)))
            return knob_value(knob, knob.default)

    def objects(
        self, kind: ObjectKind, make: Callable[[str, dict[str, Any], classad2.ClassAd], Made]
    ) -> dict[str, Made]:
        listed = names(self.knobs.get(kind.names_knob, ""))
        found = ((name, self._object(kind, name, make)) for name in listed)
        return {name: made for name, made in found if made is not None}

    def _object(
        self,
        kind: ObjectKind,
        name: str,
        make: Callable[[str, dict[str, Any], classad2.ClassAd], Made],
    ) -> Made | None:
        knob = kind.prefix + name
        text = self.knobs.get(knob.upper())
        if text is None:
            self._refuse(
                kind, name, [Problem(kind.names_knob, "", f"names {name}, but {knob} is not set")]
            )
            return None
        try:
            ad = parse_ad(text)
        except WrongValueError as wrong:
            self._refuse(kind, name, [Problem(knob, "", str(wrong))])
            return None
        values, problems = object_values(kind, knob, ad)
        if problems:
            self._refuse(kind, name, problems)
            return None
        return make(name, values, ad)

    def _refuse(self, kind: ObjectKind, name: str, problems: list[Problem]) -> None:
        self.problems += problems
        self.broken.append(f"{kind.word} {name}")

    def downtimes(self, known: Iterable[str]) -> dict[str, Downtime]:
        """GLIDEIN_DOWNTIME_<entry or site>; one that does not parse counts as down: the safe side.

        `known`: names of those that can be used; each gets the downtime under its own spelling.
        """
        whose = spellings(known)
        unused = spellings(self._listed(ENTRY) | self._listed(SITE)).keys() - whose.keys()
        found: dict[str, Downtime] = {}
        for knob in sorted(self.knobs):
            if not knob.startswith(DOWNTIME.prefix) or knob in _KNOB_NAMES | unused:
                continue
            if knob in whose:
                found |= dict.fromkeys(whose[knob], self._downtime(whose[knob][0]))
            else:
                self._unknown(knob, DOWNTIME.prefix, (each[0] for each in whose.values()))
        return found

    def _downtime(self, name: str) -> Downtime:
        one = self._object(DOWNTIME, name, lambda _name, values, _ad: from_values(values))
        for attribute, text in wrong_times(one) if one else ():
            self.problems.append(Problem(DOWNTIME.prefix + name, attribute, text))
        return one or UNREADABLE

    def unlisted(self) -> None:
        """Knobs that look like ours but are none, and objects that no names knob lists."""
        for knob in sorted(self.knobs):
            kind = next((one for one in OBJECT_KINDS if knob.startswith(one.prefix)), None)
            if knob in _KNOB_NAMES or knob.startswith(DOWNTIME.prefix):
                continue
            if kind is None:
                self._unknown(knob, "", (one.name for one in KNOBS))
            elif knob.removeprefix(kind.prefix) not in self._listed(kind):
                text = f"is not used: its name is not in {kind.names_knob}"
                self.problems.append(Problem(knob, "", text, "warning"))

    def _listed(self, kind: ObjectKind) -> set[str]:
        return {name.upper() for name in names(self.knobs.get(kind.names_knob, ""))}

    def _unknown(self, knob: str, prefix: str, known: Iterable[str]) -> None:
        hint = nearest(knob, [prefix + one for one in known])
        self.problems.append(Problem(knob, "", f"is no knob of HTCondor Glideins{hint}", "warning"))


_KNOB_NAMES = frozenset(knob.name for knob in KNOBS)


def _knob_of(field_name: str) -> str:
    return "GLIDEIN_" + field_name.removesuffix("_s").upper()
