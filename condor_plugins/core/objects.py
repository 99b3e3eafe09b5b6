# SPDX-License-Identifier: Apache-2.0
"""The objects of the configuration, made of values that reading has checked; `ad` as written."""

from collections.abc import Iterable
from typing import Any

import classad2

from condor_plugins.core.policy import Credential, Entry, FacilityAd, Group, Settings, Site
from condor_plugins.core.reading import names
from condor_plugins.core.resources import Resources
from condor_plugins.core.table import ENTRY


def entry(
    settings: Settings,
    facilities: Iterable[str],
    name: str,
    values: dict[str, Any],
    ad: classad2.ClassAd,
) -> Entry:
    """`facilities`: the names of all; one whose batch type the entry has is the entry's."""
    named = classad2.ClassAd(str(ad))
    named["Name"] = name
    for attribute in ENTRY.attributes:
        if attribute.default is not None and attribute.name not in named:
            named[attribute.name] = classad2.ExprTree(attribute.default)
    return Entry(
        name,
        values["Site"],
        values["GridResource"],
        values["TrustDomain"],
        Resources(
            values["Cpus"], values["Memory"], values["Disk"], values["GPUs"], values["Resources"]
        ),
        values["WallTime"],
        values["IdleTimeout"],
        values["MaxPilots"],
        values["MaxIdlePilots"],
        values["MaxHeldPilots"],
        values["HeldTimeout"],
        values["Start"],
        values["Attributes"],
        values["Submit"],
        values["PilotDir"] or settings.pilot_dir,
        values["LogDir"] or settings.pilot_log_dir,
        named,
        nodes=values["Nodes"],
        tail_timeout_s=values["TailTimeout"],
        factory=values["Factory"],
        weight=values["Weight"],
        cost=values["Cost"],
        max_wait_s=values["MaxWait"],
        release_held=_codes(values["ReleaseHeld"]),
        keep_held=_codes(values["KeepHeld"]),
        submit_rate=values["SubmitRate"],
        ramp=values["Ramp"],
        budget_core_hours=values["BudgetCoreHours"],
        budget_window_s=values["BudgetWindow"],
        facility=values["Facility"] or _facility(values["GridResource"], facilities),
    )


def _facility(grid_resource: str, facilities: Iterable[str]) -> str:
    words = grid_resource.lower().split()
    return next((one for one in facilities if words == ["batch", one.lower()]), "")


def _codes(text: str) -> tuple[int, ...]:
    """Hold codes as an administrator lists them."""
    return tuple(int(word) for word in names(text) if word.isdecimal())


def group(name: str, values: dict[str, Any], ad: classad2.ClassAd) -> Group:
    return Group(
        name,
        values["Jobs"],
        values["Entries"],
        values["Start"],
        values["MaxPilots"],
        values["MaxIdlePilots"],
        values["Weight"],
        values["MaxPilotsPerEntry"],
    )


def site(name: str, values: dict[str, Any], ad: classad2.ClassAd) -> Site:
    return Site(name, values["MaxPilots"], values["MaxIdlePilots"], values["SubmitRate"])


def credential(name: str, values: dict[str, Any], ad: classad2.ClassAd) -> Credential:
    return Credential(
        name, values["Purpose"], values["Type"], values["TrustDomain"], values["Path"]
    )


def facility(name: str, values: dict[str, Any], ad: classad2.ClassAd) -> FacilityAd:
    return FacilityAd(name, values)
