# SPDX-License-Identifier: Apache-2.0
"""Match answers in a file: read as written, left alone when nothing changed, no harm when lost."""

import json
from pathlib import Path

import pytest

from condor_plugins.core.answers import Kept
from condor_plugins.core.matching import Matcher, prototype
from condor_plugins.core.snapshot import JobKind
from condor_plugins.pool.answers import read_answers, write_answers
from tests.core.building import entry, group, kind

KINDS = [kind(1, memory_mb=500 * n, requirements="TARGET.Cpus > 2") for n in range(1, 50)]
ADS = [prototype(entry(name), group()) for name in ("A", "B", "C")]
NAME = "answers.json"


def asked(kept: Kept, kinds: list[JobKind]) -> Matcher:
    matcher = Matcher(kept)
    matcher.masks(kinds, ["A", "B", "C"], lambda at: ADS[at])
    return matcher


@pytest.fixture
def state_dir(tmp_path: Path) -> str:
    """With the answers of a first cycle."""
    write_answers(str(tmp_path), asked(Kept(), KINDS).kept)
    return str(tmp_path)


def test_the_next_cycle_has_nothing_to_evaluate_and_nothing_to_write(state_dir: str) -> None:
    path = Path(state_dir, NAME)
    before = path.stat()
    matcher = asked(read_answers(state_dir), KINDS)
    write_answers(state_dir, matcher.kept)
    assert matcher.evaluated == 0
    after = path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert before.st_mode & 0o777 == 0o644


def test_a_new_kind_comes_in_and_what_is_gone_goes(state_dir: str) -> None:
    changed = [*KINDS[1:], kind(7)]
    matcher = asked(read_answers(state_dir), changed)
    assert matcher.evaluated > 0
    write_answers(state_dir, matcher.kept)
    assert len(json.loads(Path(state_dir, NAME).read_text())["answers"][0]["kinds"]) == len(KINDS)
    assert asked(read_answers(state_dir), changed).evaluated == 0


def test_a_cycle_that_saw_no_jobs_takes_nothing_away(state_dir: str) -> None:
    before = read_answers(state_dir)
    write_answers(state_dir, asked(read_answers(state_dir), []).kept)
    assert read_answers(state_dir).before == before.before


def damage(state_dir: str, **changes: object) -> None:
    path = Path(state_dir, NAME)
    document = json.loads(path.read_text())
    for name, value in changes.items():
        place = document if name in document else document["answers"][0]
        place[name] = value
    path.write_text(json.dumps(document))


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": 0},
        {"recipe": "another HTCondor"},
        {"answers": 3},
        {"answers": [[]]},
        {"ads": ["one"]},
        {"ads": None},
        {"masks": ["ff"]},
        {"masks": ["x"]},
        {"masks": [7]},
        {"masks": []},
        {"kinds": {"k": "0"}},
        {"kinds": {"k": -2}},
        {"kinds": []},
        {"columns": {"cpus": ["1"]}},
        {"columns": {"cpus": [1, 2, 3]}},
        {"columns": []},
    ],
)
def test_a_damaged_or_foreign_file_is_a_cold_start(
    state_dir: str, changes: dict[str, object]
) -> None:
    damage(state_dir, **changes)
    assert read_answers(state_dir).before == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"3", b"{}", b"\xff\xfe{}"])
def test_no_text_of_ours_is_a_cold_start(state_dir: str, content: bytes) -> None:
    Path(state_dir, NAME).write_bytes(content)
    assert read_answers(state_dir).before == []


def test_a_file_cut_short_and_no_file_are_a_cold_start(state_dir: str) -> None:
    path = Path(state_dir, NAME)
    whole = path.read_bytes()
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        assert read_answers(state_dir).before == []
    assert read_answers(f"{state_dir}/nowhere").before == []


def test_a_disk_that_takes_no_file_is_no_failure(state_dir: str) -> None:
    write_answers(f"{state_dir}/nowhere", asked(Kept(), KINDS).kept)
