# SPDX-License-Identifier: Apache-2.0
"""Limits and weights that are right by themselves and make no sense together."""

from collections.abc import Iterator, Mapping

from condor_plugins.core.budgets import pilot_core_hours
from condor_plugins.core.policy import Entry, Policy, Settings, Site
from condor_plugins.core.problems import Problem
from condor_plugins.core.reading import WrongValueError, nearest, parse_ad


def limit_checks(policy: Policy, knobs: Mapping[str, str]) -> Iterator[Problem]:
    """Of the plain knobs, entries, groups and sites."""
    yield from _percents(policy.settings)
    for entry in policy.entries.values():
        yield from _entry(entry)
    for group in policy.groups.values():
        if not group.weight:
            text = "is 0: where other groups want the same entry, this one gets nothing"
            yield Problem(f"GLIDEIN_GROUP_{group.name}", "Weight", text, "warning")
    for site in policy.sites.values():
        yield from _site(site, policy, knobs)


def _percents(settings: Settings) -> Iterator[Problem]:
    for knob, value in (
        ("GLIDEIN_MAX_UNUSED", settings.max_unused),
        ("GLIDEIN_CURB", settings.curb),
    ):
        if value > 100:
            yield Problem(knob, "", f"is {value}, should be at most 100 percent")


def _entry(entry: Entry) -> Iterator[Problem]:
    knob = f"GLIDEIN_ENTRY_{entry.name}"
    if not entry.weight:
        yield Problem(knob, "Weight", "is 0: this entry is never asked", "warning")
    if entry.ramp > entry.max_idle_pilots:
        text = f"is {entry.ramp} a minute, and no more than MaxIdlePilots ({entry.max_idle_pilots})"
        yield Problem(knob, "Ramp", f"{text} wait", "warning")
    if entry.submit_rate and entry.ramp > entry.submit_rate:
        text = f"is {entry.ramp} a minute, more than SubmitRate ({entry.submit_rate}) lets come"
        yield Problem(knob, "Ramp", text, "warning")
    each = pilot_core_hours(entry)
    if 0 < entry.budget_core_hours < each:
        text = f"is {entry.budget_core_hours}, and one pilot takes {each:g}: none is asked for"
        yield Problem(knob, "BudgetCoreHours", text, "warning")


def _site(site: Site, policy: Policy, knobs: Mapping[str, str]) -> Iterator[Problem]:
    knob = f"GLIDEIN_SITE_{site.name}"
    used = sorted({entry.site for entry in policy.entries.values()})
    some_broken = any(name.startswith("entry ") for name in policy.broken)
    if site.name.lower() not in {name.lower() for name in used} and not some_broken:
        text = f"no entry has Site {site.name!r}{nearest(site.name, used)}"
        yield Problem(knob, "", text, "warning")
    if site.max_idle_pilots > site.max_pilots and _gives(knobs, knob, "MaxIdlePilots"):
        text = f"is {site.max_idle_pilots}, more than MaxPilots ({site.max_pilots})"
        yield Problem(knob, "MaxIdlePilots", text, "warning")


def _gives(knobs: Mapping[str, str], knob: str, attribute: str) -> bool:
    """Whether a person wrote it: a default that another limit makes meaningless is no mistake."""
    try:
        return attribute in parse_ad(knobs.get(knob.upper(), ""))
    except WrongValueError:
        return False
