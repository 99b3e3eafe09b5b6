# SPDX-License-Identifier: Apache-2.0
"""The plan of the last cycle: written, read again, and no harm when it is damaged."""

import json
from pathlib import Path

import pytest

from condor_plugins.core.plan import Memory, Surplus
from condor_plugins.pool.plan_file import read_memory, read_plan, write_plan
from tests.core.building import NOW_S, choose, cluster, entry, kind, policy

MEMORY = Memory({"everyone/A": Surplus(NOW_S - 60.5, 3)})


def write(state_dir: Path) -> None:
    waiting = cluster(waiting=5, max_idle=5, most=5)
    plan = choose(policy([entry()]), [kind(8)], clusters=(waiting,), before=MEMORY)
    write_plan(str(state_dir), plan, [{"group": "everyone", "entry": "A", "done": "x"}])


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write(tmp_path)
    document = read_plan(str(tmp_path))
    assert document["schema"] == 2
    assert document["requests"][0]["granted"] == 1
    assert document["fates"][0]["in_coming"] == 8
    assert document["actions"][0]["do"] == "Edit"
    assert document["outcomes"] == [{"group": "everyone", "entry": "A", "done": "x"}]


def test_the_memory_survives(tmp_path: Path) -> None:
    write(tmp_path)
    assert read_memory(str(tmp_path)) == MEMORY


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '"text"',
        '{"schema": 99, "memory": {"surplus": {"k": {"since_s": 1, "least": 2}}}}',
        '{"schema": 1}',
        '{"schema": 1, "memory": []}',
        '{"schema": 1, "memory": {"surplus": [1]}}',
        '{"schema": 1, "memory": {"surplus": {"k": 3}}}',
        '{"schema": 1, "memory": {"surplus": {"k": {"since_s": "soon", "least": 2}}}}',
        '{"schema": 1, "memory": {"surplus": {"k": {"since_s": null, "least": 2}}}}',
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
