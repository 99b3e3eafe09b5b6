# SPDX-License-Identifier: Apache-2.0
"""The plan of the last cycle: written, read again, and no harm when it is damaged."""

import json
from pathlib import Path

import pytest

from condor_plugins.core.plan import (
    Breaker,
    Edit,
    Fate,
    Memory,
    Plan,
    Request,
    Seen,
    Spent,
    Starts,
    Surplus,
)
from condor_plugins.core.snapshot import Start
from condor_plugins.pool.plan_file import plan_document, read_memory, read_plan, write_plan
from tests.core.building import NOW_S

MEMORY = Memory(
    surplus={"everyone/A": (Surplus(NOW_S - 60.5, 3),)},
    at_s=NOW_S + 0.25,
    starts={"A": Starts((Start(NOW_S - 5.0, 60.0), Start(NOW_S - 9.0, 70.0))), "B": Starts()},
    breakers={"A": Breaker(3, 1, NOW_S - 10.0, NOW_S - 20.0, NOW_S - 10.0)},
    spent={"A": Spent(((498_611, 3600.0), (498_612, 7.5)))},
    usage={"everyone": 1e6},
    settling={"0123456789abcdef": ((NOW_S - 60.0, 3), (NOW_S - 1.0, 8))},
    seen=Seen(at_s=float(NOW_S), idle_cores=16),
    doubt_since_s=NOW_S - 1.0,
    factories=("far",),
)
FATES = (
    Fate("s1", "1.0", "alice", 8, 1, 1000, "everyone", 1, 2, {"A": 3}, 2, 0, 0b10, ("A", "B")),
    Fate("s2", "2.0", "bob", 1, 1, 1000, "", unmet=1, entries=("A", "B")),
)
PLAN = Plan(
    float(NOW_S),
    requests=(Request("everyone", "A", "SiteA", granted=1, cut_by=("MaxPilots",)),),
    fates=FATES,
    actions=(Edit(7, "everyone", "A", (("JobMaterializeMaxIdle", "1"),)),),
    memory=MEMORY,
)


def write(state_dir: Path, plan: Plan = PLAN) -> None:
    write_plan(str(state_dir), plan, [{"group": "everyone", "entry": "A", "done": "x"}])


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write(tmp_path)
    document = read_plan(str(tmp_path))
    assert document["schema"] == 2
    assert document["requests"][0]["granted"] == 1
    assert document["requests"][0]["cut_by"] == ["MaxPilots"]
    assert document["fates"][0]["in_coming"] == 2
    assert document["fates"][0]["asked"] == {"A": 3}
    assert document["actions"][0]["do"] == "Edit"
    assert document["actions"][0]["changes"] == [["JobMaterializeMaxIdle", "1"]]
    assert document["outcomes"] == [{"group": "everyone", "entry": "A", "done": "x"}]


def test_nothing_else_of_the_plan_is_left_out() -> None:
    """Signatures are long, and what may be in question for a person is made again by `why`."""
    document = json.loads(json.dumps(plan_document(PLAN)))
    assert set(Plan._fields) - document.keys() == {"grounds"}
    left_out = set(Fate._fields) - document["fates"][0].keys()
    assert left_out == {"signature", "mask", "entries"}


def test_the_memory_survives(tmp_path: Path) -> None:
    """All of it: a field that is new and not in MEMORY would be lost unnoticed."""
    missing = [name for name in Memory._fields if not getattr(MEMORY, name)]
    assert missing == []
    write(tmp_path)
    assert read_memory(str(tmp_path)) == MEMORY


def test_what_of_the_memory_cannot_be_read_is_left_out_alone(tmp_path: Path) -> None:
    write(tmp_path)
    path = tmp_path / "plan.json"
    document = json.loads(path.read_text())
    memory = document["memory"]
    memory["surplus"]["everyone/A"] += [{"since_s": "soon", "least": 2}, {"least": 2}]
    memory["surplus"]["everyone/B"] = {"since_s": 1, "least": 2}
    memory["starts"]["A"]["recent"] += [{"started_s": 1}, 7, {"started_s": True, "waited_s": 1}]
    memory["breakers"]["B"] = ["x"]
    memory["breakers"]["C"] = {"failures": "many", "trips": 2, "new": 1}
    memory["spent"]["A"]["hours"] += [[1], [1, 2, 3], [None, 1]]
    memory["usage"] = 5
    memory["seen"] = {"at_s": float("nan"), "idle_cores": 4}
    memory["later"] = {"what": "nobody knows"}
    path.write_text(json.dumps(document))
    found = read_memory(str(tmp_path))
    assert found.surplus == MEMORY.surplus
    assert (found.starts, found.spent) == (MEMORY.starts, MEMORY.spent)
    assert "B" not in found.breakers
    assert found.breakers["C"] == Breaker(trips=2)
    assert (found.usage, found.seen) == ({}, Seen(idle_cores=4))
    assert (found.settling, found.at_s) == (MEMORY.settling, MEMORY.at_s)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '"text"',
        '{"schema": 99, "memory": {"surplus": {"k": {"since_s": 1, "least": 2}}}}',
        '{"schema": 1, "memory": {"surplus": {"k": {"since_s": 1, "least": 2}}}}',
        '{"schema": 2}',
        '{"schema": 2, "memory": null}',
        '{"schema": 2, "memory": []}',
        '{"schema": 2, "memory": {"surplus": [1]}}',
        '{"schema": 2, "memory": {"surplus": {"k": 3}}}',
        '{"schema": 2, "memory": {"surplus": {"k": {"since_s": "soon", "least": 2}}}}',
        '{"schema": 2, "memory": {"surplus": {"k": {"since_s": null, "least": 2}}}}',
        '{"schema": 2, "memory": {"at_s": 1e999}}',
    ],
)
def test_a_damaged_file_is_no_memory_and_no_failure(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.json").write_text(text)
    assert read_memory(str(tmp_path)) == Memory()
    assert isinstance(read_plan(str(tmp_path)), dict)


def test_a_file_cut_short_or_of_no_text_is_no_plan(tmp_path: Path) -> None:
    write(tmp_path)
    path = tmp_path / "plan.json"
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"\xff\xfe" + whole, b""):
        path.write_bytes(damaged)
        assert (read_plan(str(tmp_path)), read_memory(str(tmp_path))) == ({}, Memory())


def test_no_file_is_no_plan(tmp_path: Path) -> None:
    assert read_plan(str(tmp_path / "nowhere")) == {}


def test_it_is_one_line_of_json_that_others_may_read(tmp_path: Path) -> None:
    write(tmp_path)
    path = tmp_path / "plan.json"
    assert len(path.read_text().splitlines()) == 1
    assert json.loads(path.read_text())["now_s"] == NOW_S
    assert path.stat().st_mode & 0o777 == 0o644
