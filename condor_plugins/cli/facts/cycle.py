# SPDX-License-Identifier: Apache-2.0
"""The provisioner's last cycle, from the document that it left."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from condor_plugins.cli.times import lasting, parse_duration

_OVERDUE_AFTER_PERIODS = 3


@dataclass(frozen=True, slots=True)
class Failure:
    """An action of the last cycle that did not succeed."""

    group: str
    entry: str
    text: str


@dataclass(frozen=True, slots=True)
class Cycle:
    """`time_s`, `age_s`: None when there is no document of a cycle. `overdue`: none for long."""

    time_s: float | None
    age_s: float | None
    period_s: int
    overdue: bool
    result: str
    frozen: str = ""
    problems: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()

    def in_words(self) -> str:
        if self.age_s is None:
            return self.result
        late = f", late: its period is {lasting(self.period_s)}" if self.overdue else ""
        return f"{lasting(self.age_s)} ago{late}: {self.result}"


def last_cycle(document: Mapping[str, Any], knobs: Mapping[str, str], now_s: float) -> Cycle:
    """`document`: of pool.plan_file; empty when none can be read."""
    period_s = _period_s(knobs.get("GLIDEIN_PERIOD", ""))
    if not document:
        where = knobs.get("GLIDEIN_STATE_DIR", "GLIDEIN_STATE_DIR")
        return Cycle(None, None, period_s, True, f"none: no plan of a cycle is in {where}")
    age_s = max(now_s - float(document["now_s"]), 0)
    failures = tuple(_failures(document))
    frozen = str(document.get("frozen", ""))
    return Cycle(
        float(document["now_s"]),
        age_s,
        period_s,
        age_s > _OVERDUE_AFTER_PERIODS * period_s,
        _result(document, len(failures)),
        frozen,
        tuple(document.get("problems", ())),
        failures,
    )


def _failures(document: Mapping[str, Any]) -> list[Failure]:
    return [
        Failure(one["group"], one["entry"], one["failed"])
        for one in document.get("outcomes", ())
        if one["failed"]
    ]


def _result(document: Mapping[str, Any], failed: int) -> str:
    actions = len(document.get("actions", ()))
    if document.get("frozen"):
        return f"nothing changed: {document['frozen']}"
    if failed:
        return f"{failed} of {actions} actions failed"
    if document.get("doubt"):
        return f"in doubt: {document['doubt']}"
    return f"ok, done: {actions}" if actions else "ok, nothing to do"


def _period_s(text: str) -> int:
    try:
        return parse_duration(text) or 60
    except ValueError:
        return 60
