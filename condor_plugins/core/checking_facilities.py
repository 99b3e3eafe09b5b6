# SPDX-License-Identifier: Apache-2.0
"""Facilities with an HTTP API: their ads, and the entries that go through them."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TypeGuard
from urllib.parse import urlsplit

import classad2

from condor_plugins.core.checking_grid import BATCH_TYPES
from condor_plugins.core.facility_job import queue_and_project, wrong_submit
from condor_plugins.core.host_facts import Host, may_not_look, seen
from condor_plugins.core.policy import Entry, FacilityAd, Policy
from condor_plugins.core.problems import Problem
from condor_plugins.core.reading import WrongValueError, names, nearest, parse_ad

SECRET_KINDS = {"sfapi": "sfapi_key", "iri": "iri_bearer", "globus": "globus_client"}
# What must be given, and what one API only looks at.
_NEEDS = {"sfapi": ("Machine",), "iri": ("Machine",), "globus": ("Endpoint",)}
_ONLY = {
    "sfapi": ("TokenUrl", "StorageMachine", "ClientId"),
    "iri": (
        *("Version", "Bulk", "Files", "Idempotency", "StorageMachine"),
        *("Login", "Environment", "Filesystems"),
    ),
    "globus": (
        *("Mode", "Endpoint", "ControlEndpoint", "EndpointConfig", "Scope"),
        *("TokenUrl", "ClientId"),
    ),
}
_DEFAULTS = ("", True, "task")
_SFAPI_HOST = "api.nersc.gov"
_TYPE = re.compile(r"(?!con)[a-z0-9]{1,32}\Z")
# <NAME>_GAHP, <name>_submit.sh and the like would be HTCondor's own.
_TAKEN = ("batch", "arc", "ec2", "gce", "azure", "remote", "blah")
_DIRECTORY = re.compile(r"(?!.*/\.\.?(?:/|\Z))/[A-Za-z0-9_.,:@%+=/-]+\Z")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def usable_name(name: str) -> str:
    """Why a facility cannot be called so; empty when it can."""
    lower = name.lower()
    if lower == "names":
        return "GLIDEIN_FACILITY_NAMES is the list of the facilities; choose another name"
    if lower in _TAKEN:
        return f"{name!r} is a word of HTCondor's own grid types and gateways; choose another name"
    if lower in BATCH_TYPES:
        return f"{name!r} is a batch type of HTCondor's own; choose another name"
    if not _TYPE.match(lower):
        return f"{name!r} is no batch type: letters and digits only, not beginning with 'con'"
    return ""


def facility_checks(policy: Policy, host: Host) -> Iterator[Problem]:
    """Of every facility: its name, addresses, directories, credential and gateway."""
    alike = Counter(name.lower() for name in policy.facilities)
    for one in policy.facilities.values():
        knob = f"GLIDEIN_FACILITY_{one.name}"
        if wrong := usable_name(one.name):
            yield Problem(knob, "", wrong)
        if alike[one.name.lower()] > 1:
            yield Problem(knob, "", "is one batch type with a facility that differs in case only")
        yield from _addresses(knob, one)
        yield from _directories(knob, one)
        yield from _switches(knob, one)
        yield from _credential(knob, one, policy)
        if one.values["SubmitPatience"] >= host.gahp_timeout_s:
            text = f"is {one.values['SubmitPatience']} s, and HTCondor holds a pilot that is not"
            text += f" submitted after GRIDMANAGER_GAHP_CALL_TIMEOUT ({host.gahp_timeout_s} s)"
            yield Problem(knob, "SubmitPatience", text)
        yield from _use(knob, one, policy, host)


def _addresses(knob: str, one: FacilityAd) -> Iterator[Problem]:
    for attribute in ("Url", "TokenUrl"):
        url = one.values[attribute]
        scheme, host = _parts(url)
        if url and (scheme not in {"http", "https"} or not host or not url.isprintable()):
            yield Problem(knob, attribute, f"{url!r} is no address: https://host/path")
        elif scheme == "http" and host not in _LOOPBACK:
            text = f"{url} is not encrypted: tokens can be read on the way; use https"
            yield Problem(knob, attribute, text, "warning")


def _parts(url: str) -> tuple[str, str]:
    """Scheme and host; empty where there is none."""
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname or ""
    except ValueError:
        return "", ""


def _directories(knob: str, one: FacilityAd) -> Iterator[Problem]:
    for attribute in ("Root", "SiteStore"):
        path = one.values[attribute]
        if not _DIRECTORY.match(path) and (path or attribute == "Root"):
            text = f"{path!r} should be an absolute path of letters, digits and _.,:@%+=-"
            yield Problem(knob, attribute, text)


def _switches(knob: str, one: FacilityAd) -> Iterator[Problem]:
    """What the API needs, and what another one has."""
    api = one.values["Api"]
    for attribute in _NEEDS[api]:
        if not one.values[attribute]:
            yield Problem(knob, attribute, f"must be given for {api}")
    others = {name for mine in _ONLY.values() for name in mine} - {*_ONLY[api]}
    for attribute in sorted(others):
        if one.values[attribute] not in _DEFAULTS:
            yield Problem(knob, attribute, f"is not looked at by {api}", "warning")
    if api == "sfapi" and not one.values["TokenUrl"]:
        host = _parts(one.values["Url"])[1]
        if host and host != _SFAPI_HOST:
            text = f"must be given: {host} does not take tokens of {_SFAPI_HOST}"
            yield Problem(knob, "TokenUrl", text)


def _credential(knob: str, one: FacilityAd, policy: Policy) -> Iterator[Problem]:
    name, api = one.values["Credential"], one.values["Api"]
    if not name:
        text = f'is not given: the GLIDEIN_CREDENTIAL_ with Type = "{SECRET_KINDS[api]}"'
        yield Problem(knob, "Credential", text)
    elif name not in policy.credentials:
        if f"credential {name}" not in policy.broken:
            text = f"{name!r} is no credential{nearest(name, policy.credentials)}"
            yield Problem(knob, "Credential", text)
    else:
        used = policy.credentials[name]
        if used.purpose != "request":
            text = f'{name} has Purpose "{used.purpose}"; a facility takes "request"'
            yield Problem(knob, "Credential", text)
        if used.type != SECRET_KINDS[api]:
            text = f'{name} has Type "{used.type}"; {api} takes "{SECRET_KINDS[api]}"'
            yield Problem(knob, "Credential", text)


def _use(knob: str, one: FacilityAd, policy: Policy, host: Host) -> Iterator[Problem]:
    """Whether an entry goes there, and HTCondor knows the way."""
    mine = [each for each in policy.entries.values() if each.facility.lower() == one.name.lower()]
    if not mine and not any(name.startswith("entry ") for name in policy.broken):
        yield Problem(knob, "", "no entry has this Facility: it is not used", "warning")
    if all(entry.factory for entry in mine):
        return  # their pilots are submitted on another host
    gahp = f"{one.name.upper()}_GAHP"
    path = host.gahps.get(one.name.lower(), "")
    fact = seen(host, path)
    if not path:
        text = f"{gahp} is not set; write {gahp} = $(GLIDEIN_BLAHP_DIR)/glidein_gahp"
        yield Problem(knob, "", f"{text} and run condor_reconfig")
    elif fact.state == "hidden":
        yield Problem(knob, "", f"{gahp}: {may_not_look(path)}", "warning")
    elif fact.state == "missing" or fact.is_directory or not fact.mode & 0o001:
        text = f"{gahp}: {path} is no program that {policy.settings.account} can run"
        yield Problem(knob, "", text)


def offers_at_facilities(knobs: Mapping[str, str]) -> Iterator[Problem]:
    """Offers of a factory that would have requesters' pilots go through a facility."""
    known = {name.lower(): name for name in names(knobs.get("GLIDEIN_FACILITY_NAMES", ""))}
    try:
        offers = parse_ad(knobs.get("GLIDEIN_OFFERS", ""))
    except WrongValueError:
        return  # empty, or told by the check of the factory's tables
    for entry in offers:
        offer = offers.eval(entry)
        found = offer.eval("GridResource") if _has_resource(offer) else ""
        words = found.lower().split() if isinstance(found, str) else []
        if words[:1] == ["batch"] and len(words) > 1 and words[1] in known:
            text = f"{entry} goes to facility {known[words[1]]}, whose gateway and secret serve"
            text += " GLIDEIN_ACCOUNT only: no requester's pilot can go there; take the offer out"
            yield Problem("GLIDEIN_OFFERS", entry, text)


def _has_resource(offer: object) -> TypeGuard[classad2.ClassAd]:
    return isinstance(offer, classad2.ClassAd) and "GridResource" in offer


def entry_at_facility(entry: Entry, policy: Policy, knobs: Mapping[str, str]) -> Iterator[Problem]:
    """Whether an entry and its facility are of one mind, and what it asks for can be carried."""
    knob = f"GLIDEIN_ENTRY_{entry.name}"
    known = {name.lower(): name for name in names(knobs.get("GLIDEIN_FACILITY_NAMES", ""))}
    if not entry.at_facility:
        yield from queue_and_project(entry)
    else:
        yield from wrong_submit(entry)
    if not entry.facility:
        return
    if entry.facility.lower() not in known:
        hint = nearest(entry.facility, known.values())
        text = f"{entry.facility!r} is not in GLIDEIN_FACILITY_NAMES{hint}"
        yield Problem(knob, "Facility", text)
    elif not entry.at_facility or len(entry.grid_resource.split()) != 2:
        text = f'is "{entry.grid_resource}"; pilots go to facility {entry.facility} by'
        yield Problem(knob, "GridResource", f'{text} "batch {entry.facility.lower()}"')
    else:
        yield from _domain(knob, entry, policy, known[entry.facility.lower()])


def _domain(knob: str, entry: Entry, policy: Policy, name: str) -> Iterator[Problem]:
    one = policy.facilities.get(name)
    used = policy.credentials.get(one.values["Credential"]) if one else None
    if used and used.trust_domain != entry.trust_domain:
        text = f'is "{entry.trust_domain}", and credential {used.name} of facility {name} has'
        yield Problem(knob, "TrustDomain", f'{text} "{used.trust_domain}"')
