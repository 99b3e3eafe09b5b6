# SPDX-License-Identifier: Apache-2.0
"""The configuration as it would be with some knobs, or attributes of objects, set otherwise."""

from collections.abc import Iterable, Mapping

import classad2

from condor_plugins.core.configuration import usable_policy
from condor_plugins.core.errors import Misconfigured
from condor_plugins.core.policy import Policy
from condor_plugins.core.reading import WrongValueError, names, nearest, parse_ad
from condor_plugins.core.table import DOWNTIME, KNOBS, OBJECT_KINDS, Attribute, ObjectKind

_KINDS = (*OBJECT_KINDS, DOWNTIME)


def changed_knobs(knobs: Mapping[str, str], changes: Mapping[str, str]) -> dict[str, str]:
    """These knob texts with the changes. A change names a knob, or one attribute of the ad in a
    knob: GLIDEIN_ENTRY_A.MaxPilots; neither is case-sensitive.

    Raises Misconfigured where it names nothing that there is.
    """
    changed = dict(knobs)
    # Names of objects first: another change may speak of one that is new.
    for name in sorted(changes, key=lambda name: not name.strip().upper().endswith("_NAMES")):
        knob, dot, attribute = name.strip().partition(".")
        if "$(" in changes[name]:
            raise Misconfigured(f"{name}: $( ) is not expanded here: write its value")
        known = _known(knob, changed, objects_only=bool(dot))
        changed[known] = (
            _with_attribute(knob, changed, attribute, changes[name]) if dot else changes[name]
        )
    return changed


def changed_policy(knobs: Mapping[str, str], changes: Mapping[str, str]) -> Policy:
    """The policy with the changes. Raises Misconfigured when one of them makes it wrong."""
    policy = usable_policy(changed_knobs(knobs, changes))
    touched = {name.strip().upper().partition(".")[0] for name in changes}
    wrong = [one for one in policy.problems if one.knob.upper() in touched]
    if wrong:
        raise Misconfigured("; ".join(map(str, wrong)))
    return policy


def _known(knob: str, knobs: Mapping[str, str], objects_only: bool) -> str:
    """The knob in capitals, if it is in the table or holds an object that is listed."""
    plain = () if objects_only else (one.name for one in KNOBS)
    known = [*plain, *_object_knobs(knobs)]
    is_downtime = knob.upper().startswith(DOWNTIME.prefix)  # of an entry or a site: read later
    if not is_downtime and knob.upper() not in (name.upper() for name in known):
        raise Misconfigured(f"{knob} is no knob of HTCondor Glideins{nearest(knob, known)}")
    return knob.upper()


def _object_knobs(knobs: Mapping[str, str]) -> Iterable[str]:
    """The knobs of all objects that a names knob lists."""
    for kind in OBJECT_KINDS:
        for name in names(knobs.get(kind.names_knob, "")):
            yield kind.prefix + name


def _with_attribute(knob: str, knobs: Mapping[str, str], attribute: str, value: str) -> str:
    """The text of the knob's ad with this attribute; the ad need not be there yet."""
    kind = next(one for one in _KINDS if knob.upper().startswith(one.prefix))
    row = _row(kind, knob, attribute)
    try:
        ad = parse_ad(knobs.get(knob.upper(), "[ ]"))
    except WrongValueError as err:
        raise Misconfigured(f"{knob}: {err}") from err
    for name in [one for one in ad if one.lower() == row.name.lower()]:
        del ad[name]
    ad[row.name] = _expression(knob, row, value)
    return str(ad).strip()


def _row(kind: ObjectKind, knob: str, attribute: str) -> Attribute:
    found = {one.name.lower(): one for one in kind.attributes}
    if attribute.lower() not in found:
        hint = nearest(attribute, [one.name for one in kind.attributes])
        raise Misconfigured(f"{knob}.{attribute}: no such attribute of its {kind.word}{hint}")
    return found[attribute.lower()]


def _expression(knob: str, row: Attribute, value: str) -> classad2.ExprTree:
    """A string may be written without quotes: a shell eats them."""
    try:
        found = classad2.ExprTree(value)
        if row.kind != "string" or isinstance(found.eval(), str):
            return found
    except (classad2.ClassAdException, ValueError) as err:
        if row.kind != "string":
            raise Misconfigured(f"{knob}.{row.name}: {value!r} does not parse") from err
    return classad2.ExprTree(classad2.quote(value))
