# SPDX-License-Identifier: Apache-2.0
"""glidein check: what is wrong with the configuration, with file and line."""

import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import click

from condor_plugins.cli.options import json_option, pass_world
from condor_plugins.cli.tables import say, say_json
from condor_plugins.cli.words import counted
from condor_plugins.cli.world import World
from condor_plugins.core.checking import cross_checks
from condor_plugins.core.checking_facilities import offers_at_facilities
from condor_plugins.core.checking_files import paths_to_see
from condor_plugins.core.configuration import read_policy
from condor_plugins.core.errors import TryAgain
from condor_plugins.core.host_facts import Host
from condor_plugins.core.policy import Policy
from condor_plugins.core.problems import Problem
from condor_plugins.core.reading import names
from condor_plugins.pool.configuration import Place, attribute_place

_STYLES = {"error": "red", "warning": "yellow"}


@dataclass(frozen=True, slots=True)
class Found:
    """A problem and where it is; `file` is empty and `line` 0 when no file sets the knob."""

    severity: str
    file: str
    line: int
    knob: str
    attribute: str
    text: str

    def __str__(self) -> str:
        what = f"{self.knob}: {self.attribute}" if self.attribute else self.knob
        where = f"{self.file}:{self.line}: " if self.file else ""
        return f"{where}{self.severity}: {what}: {self.text}"


@click.command(short_help="Is the configuration right?")
@json_option
@pass_world
def check(world: World, as_json: bool) -> int:
    """Read the configuration as the provisioner does, and more strictly.

    Every problem is one line FILE:LINE: error or warning: knob: attribute: what is wrong.
    Run it as root to have secrets and directories looked at too. Exit 1 if there is an error.

    \b
    glidein check
    glidein check --json | jq '.problems[] | select(.severity == "error")'
    """
    knobs = world.texts()
    policy = read_policy(knobs)
    crossed = cross_checks(policy, knobs, _host(world, policy))
    problems = (*policy.problems, *crossed, *offers_at_facilities(knobs))
    found = _located(world, problems, policy.settings.timeout_s)
    found.sort(key=lambda one: (one.file, one.line))
    errors = sum(1 for one in found if one.severity == "error")
    if as_json:
        say_json({
            "ok": not errors,
            "errors": errors,
            "warnings": len(found) - errors,
            "read": _read(policy),
            "problems": [asdict(one) for one in found],
        })
    else:
        _tell(found, errors, policy)
    return 1 if errors else 0


def _host(world: World, policy: Policy) -> Host:
    resources = [entry.grid_resource.split() for entry in policy.entries.values()]
    batch = {words[1] for words in resources if len(words) > 1 and words[0] == "batch"}
    gahps = {name.lower(): world.knob(f"{name.upper()}_GAHP") for name in policy.facilities}
    call_s = world.knob("GRIDMANAGER_GAHP_CALL_TIMEOUT")
    return Host(
        now_s=world.now_s(),
        cron_jobs=frozenset(name.upper() for name in names(world.knob("SCHEDD_CRON_JOBLIST"))),
        trust_domain=world.knob("TRUST_DOMAIN"),
        batch_types=world.batch_types(batch),
        files={path: world.file(path) for path in (*paths_to_see(policy), *gahps.values()) if path},
        gahps=gahps,
        gahp_timeout_s=int(call_s) if call_s.isdecimal() else 300,
    )


def _located(world: World, problems: tuple[Problem, ...], timeout_s: float) -> list[Found]:
    """Each problem once, with its place."""
    try:
        places = world.places(timeout_s) if problems else {}
    except TryAgain as err:
        sys.stderr.write(f"glidein: files and lines are not known: {err}\n")
        places = {}
    return [_place(one, places) for one in dict.fromkeys(problems)]


def _place(one: Problem, places: Mapping[str, Place]) -> Found:
    known = places.get(one.knob.upper())
    place = attribute_place(known, one.knob, one.attribute) if known else Place("", 0)
    return Found(one.severity, place.file, place.line, one.knob, one.attribute, one.text)


def _read(policy: Policy) -> dict[str, int]:
    return {
        "entries": len(policy.entries),
        "groups": len(policy.groups),
        "credentials": len(policy.credentials),
        "downtimes": len(policy.downtimes),
    }


def _tell(found: list[Found], errors: int, policy: Policy) -> None:
    for one in found:
        say(str(one), _STYLES[one.severity])
    singular = ("entry", "group", "credential", "downtime")
    numbers = zip(_read(policy).values(), singular, strict=True)
    read = ", ".join(counted(number, word) for number, word in numbers)
    broken = f", {len(policy.broken)} unusable" if policy.broken else ""
    if found:
        numbers_found = counted(errors, "error"), counted(len(found) - errors, "warning")
        say(f"{', '.join(numbers_found)}; usable: {read}{broken}")
    else:
        say(f"No problem found. Read: {read}.", "green")
