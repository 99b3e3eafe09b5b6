# SPDX-License-Identifier: Apache-2.0
"""Facilities as their gateways saw them last."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, TypeGuard

from condor_plugins.cli.times import lasting, stamp
from condor_plugins.cli.world import World
from condor_plugins.core.policy import FacilityAd, Policy

_FACES = {"glidein_gahp": "resident", "blahp_gahp": "helpers", "": "none"}
_WARN_S, _URGENT_S = 12 * 3600, 2 * 3600
_LARGEST = 32_503_680_000  # the year 3000, in UNIX seconds


@dataclass(frozen=True, slots=True)
class FacilityFacts:
    """Times in UNIX seconds, 0 for never or not known.

    `face`: resident or helpers; none without <NAME>_GAHP. `seen`: whether this account may look at
    what the gateway left. `jobs`: by phase of the gateway's ledger.
    """

    name: str
    api: str
    face: str
    seen: bool
    state: str = ""
    words: str = ""
    answered_s: float = 0.0
    wait_until_s: float = 0.0
    error: str = ""
    error_s: float = 0.0
    credential: str = ""
    credential_expires_s: float = 0.0
    credential_words: str = ""
    jobs: Mapping[str, int] = field(default_factory=dict)


def facilities(world: World, policy: Policy) -> list[FacilityFacts]:
    """In the order of GLIDEIN_FACILITY_NAMES."""
    return [_facts(world, policy, one) for one in policy.facilities.values()]


def _facts(world: World, policy: Policy, one: FacilityAd) -> FacilityFacts:
    program = PurePath(world.knob(f"{one.name.upper()}_GAHP")).name
    state = world.gateway_state(policy, one.name)
    told = state or {}
    return FacilityFacts(
        one.name,
        one.values["Api"],
        _FACES.get(program, program),
        state is not None,
        _text(told, "state"),
        _text(told, "words"),
        _number(told, "answered_s"),
        _number(told, "wait_until_s"),
        _text(told, "error"),
        _number(told, "error_s"),
        one.values["Credential"],
        _number(told, "credential_expires_s"),
        _text(told, "credential_words"),
        _counts(told.get("jobs")),
    )


def _text(told: Mapping[str, Any], name: str) -> str:
    found = told.get(name, "")
    return found if isinstance(found, str) else ""


def _number(told: Mapping[str, Any], name: str) -> float:
    found = told.get(name, 0)
    return float(found) if _is_sane(found) else 0.0


def _counts(found: object) -> dict[str, int]:
    if not isinstance(found, dict):
        return {}
    return {
        str(phase): int(count) for phase, count in found.items() if _is_sane(count) and int(count)
    }


def _is_sane(found: object) -> TypeGuard[int | float]:
    """A number that a time or a count can be: infinity, NaN and what is absurd are none."""
    return isinstance(found, int | float) and not isinstance(found, bool) and 0 <= found <= _LARGEST


def state_in_words(one: FacilityFacts, now_s: float) -> str:
    """One cell: what the facility is, and how long it is left alone."""
    if not one.seen:
        return "hidden (run as root)"
    words = ": ".join(filter(None, (one.state, one.words))) or "not asked yet"
    if one.wait_until_s > now_s:
        words += f", asked again in {lasting(one.wait_until_s - now_s)}"
    return words


def answered_in_words(one: FacilityFacts, now_s: float) -> str:
    return f"{lasting(now_s - one.answered_s)} ago" if one.answered_s else ""


def error_in_words(one: FacilityFacts, now_s: float) -> str:
    """The last error with its age; nothing once the facility has answered again."""
    if not one.error or one.answered_s > one.error_s:
        return ""
    return f"{one.error} ({lasting(now_s - one.error_s)} ago)" if one.error_s else one.error


def credential_in_words(one: FacilityFacts, now_s: float) -> str:
    if not one.credential_expires_s:
        return one.credential
    left_s = one.credential_expires_s - now_s
    return f"{one.credential}, {lasting(left_s) if left_s > 0 else 'expired'}"


def credential_warnings(all_of: list[FacilityFacts], now_s: float) -> Iterator[tuple[str, str]]:
    """A sentence and its colour for each credential that a person has to renew."""
    for one in all_of:
        left_s = one.credential_expires_s - now_s
        if not one.credential_expires_s or left_s > _WARN_S:
            continue
        ends = f"ends in {lasting(left_s)}" if left_s > 0 else "has expired"
        text = (
            f"Credential {one.credential} of facility {one.name} {ends}"
            f" ({stamp(one.credential_expires_s)}): write a new one over its file"
        )
        yield text, "red" if left_s < _URGENT_S else "yellow"
