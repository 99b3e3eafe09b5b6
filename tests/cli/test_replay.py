# SPDX-License-Identifier: Apache-2.0
"""replay: recorded cycles decided again, the same or otherwise; files as an operator has them."""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from condor_plugins.core.asking import pairs
from condor_plugins.core.configuration import read_policy
from condor_plugins.core.decide import decide
from condor_plugins.core.matching import Matcher
from condor_plugins.core.plan import Memory
from condor_plugins.core.recorded import Record, decision_of, document_of
from condor_plugins.core.snapshot import Snapshot
from condor_plugins.pool.record_files import write_record
from tests.cli.conftest import Run
from tests.cli.pretended import KNOBS, NOW_S, pilots
from tests.core.building import kind

ROOT = Path(__file__).resolve().parents[2]
KNOBS_OF_ONE = {name: text for name, text in KNOBS.items() if "HIGHMEM" not in name} | {
    "GLIDEIN_ENTRY_NAMES": "Perlmutter",
    "GLIDEIN_REMOVE_AFTER": "60",
    "GLIDEIN_HEDGE": "0",
}


def cycles(jobs: list[int], knobs: dict[str, str] | None = None) -> Iterator[Record]:
    """Cycles of a minute with so many idle jobs; four pilots wait in all of them."""
    texts = knobs or KNOBS_OF_ONE
    policy = read_policy(texts)
    digests = {(group.name, entry.name): "digest" for group, entry in pairs(policy)}
    memory = Memory()
    for minute, count in enumerate(jobs):
        here = pilots("Perlmutter", waiting=4)._replace(max_idle=4, most=4)
        kinds = (kind(count, cpus=8),) if count else ()
        seen = Snapshot(NOW_S + 60 * minute, kinds, (), (here,), 1e6)
        plan = decide(seen, policy, digests, memory, Matcher())
        yield Record(seen, texts, digests, memory, decision_of(plan), "ap")
        memory = plan.memory


@pytest.fixture
def records(tmp_path: Path) -> Path:
    for record in cycles([1, 1, 1, 1]):
        write_record(tmp_path / "records", record, 100)
    return tmp_path / "records"


def test_the_same_configuration_decides_the_same(glidein: Run, records: Path) -> None:
    said = glidein("replay", str(records))
    assert (said.code, said.err) == (0, "")
    assert "2026-11-18 11:06:40  Perlmutter  1 wanted, 1 granted\n" in said.out
    assert "1 wanted, 1 granted, 3 removing" in said.out
    assert "recorded)" not in said.out
    assert "0 of 4 cycles differ from what was recorded." in said.out


def test_another_configuration_is_compared(glidein: Run, records: Path) -> None:
    facts = glidein("replay", str(records), "--set", "GLIDEIN_REMOVE_AFTER=600", "--json").facts
    (_, *later) = facts["cycles"]
    assert [one["entries"]["Perlmutter"]["removing"] for one in later] == [0, 0, 0]
    assert later[-1]["entries"]["Perlmutter"]["recorded"]["removing"] == 3
    total = facts["summary"]["entries"]["Perlmutter"]
    assert (total["removing"], total["differ"]) == (0, facts["summary"]["differ"])
    assert total["removing_then"] > 0


def test_with_changes_it_remembers_what_it_decided(glidein: Run, tmp_path: Path) -> None:
    """What is recorded with 600 s knows of no surplus that is ripe; what is replayed does."""
    knobs = KNOBS_OF_ONE | {"GLIDEIN_REMOVE_AFTER": "600"}
    for record in cycles([1] * 4, knobs):
        write_record(tmp_path, record._replace(before=Memory()), 100)
    facts = glidein("replay", str(tmp_path), "--set", "GLIDEIN_REMOVE_AFTER=120", "--json").facts
    removing = [one["entries"]["Perlmutter"]["removing"] for one in facts["cycles"]]
    assert removing[:2] == [0, 0]
    assert removing[2] > 0


def test_after_a_gap_it_remembers_what_was_recorded(glidein: Run, tmp_path: Path) -> None:
    first, *_, last = cycles([1] * 6)
    for record in (first, last):
        write_record(tmp_path, record, 100)
    facts = glidein("replay", str(tmp_path), "--set", "GLIDEIN_CURB=90", "--json").facts
    assert facts["summary"]["differ"] == 0
    assert facts["cycles"][1]["entries"]["Perlmutter"]["removing"] > 0


def test_an_entry_that_was_not_there(glidein: Run, tmp_path: Path) -> None:
    (record,) = cycles([9])
    path = write_record(tmp_path, record, 1)
    new = KNOBS["GLIDEIN_ENTRY_HIGHMEM"].replace("Cpus = 4", "Cpus = 8")
    facts = glidein(
        "replay", str(path), "--json",
        "--set", "GLIDEIN_ENTRY_NAMES=Perlmutter New",
        "--set", f"GLIDEIN_ENTRY_New={new}",
        "--set", "GLIDEIN_ENTRY_Perlmutter.MaxIdlePilots=0",
    ).facts  # fmt: skip
    assert facts["cycles"][0]["entries"]["New"]["granted"] == 4


def test_what_cannot_be_read_is_named_and_passed_over(glidein: Run, records: Path) -> None:
    whole = sorted(records.iterdir())[1]
    whole.write_bytes(whole.read_bytes()[:50])
    (records / "notes.txt").write_text("not one of ours")
    gone = str(records / "gone.json.gz")
    said = glidein("replay", str(records), gone)
    assert said.code == 1
    assert f"glidein: {whole}: " in said.err
    assert f"glidein: {gone}: No such file or directory\n" in said.err
    assert said.err.count("\n") == 2
    assert "0 of 3 cycles differ" in said.out
    facts = glidein("replay", str(records), "--json").facts
    assert list(facts["unreadable"]) == [str(whole)]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is no JSON"),
        (b"\x1f\x8b\x08", "Compressed file ended"),
        (gzip.compress(b"[]", mtime=0), "is no record of a cycle"),
        (gzip.compress(b'{"record": 7}', mtime=0), "is a record of form 7, not of form 1"),
        (b"[" * 100_000, "is no JSON"),
        (b"\xff\xfe", "is no JSON"),
    ],
)
def test_every_sort_of_damage(glidein: Run, tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "cycle.json.gz"
    path.write_bytes(content)
    said = glidein("replay", str(path))
    assert (said.code, "Traceback" in said.err) == (1, False)
    assert complaint in said.err


def test_a_record_may_lie_unpacked(glidein: Run, tmp_path: Path) -> None:
    (record,) = cycles([3])
    (tmp_path / "one.json").write_text(json.dumps(document_of(record)))
    assert "3 wanted, 3 granted" in glidein("replay", str(tmp_path / "one.json")).out


def test_nothing_to_replay(glidein: Run, tmp_path: Path) -> None:
    said = glidein("replay", str(tmp_path))
    assert (said.code, said.err) == (1, f"glidein: no record is in {tmp_path}\n")
    assert glidein("replay").code == 2


def test_a_wrong_setting_is_told_at_once(glidein: Run, records: Path) -> None:
    said = glidein("replay", str(records), "--set", "GLIDEIN_HEGDE=1")
    assert (said.code, said.out) == (78, "")
    assert "did you mean GLIDEIN_HEDGE?" in said.err


def test_it_needs_no_htcondor_that_runs(records: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "condor_plugins.cli", "replay", str(records)],
        capture_output=True, text=True, timeout=50, check=False, cwd=ROOT,
        env={"CONDOR_CONFIG": os.devnull, "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "0 of 4 cycles differ" in done.stdout


def test_the_oldest_records_go_and_other_files_stay(tmp_path: Path) -> None:
    (tmp_path / "cycle-notes.txt").write_text("mine")
    paths = [write_record(tmp_path, record, 2) for record in cycles([1, 2, 3])]
    assert sorted(tmp_path.iterdir()) == sorted([tmp_path / "cycle-notes.txt", *paths[1:]])
    assert paths[0].name == "cycle-20261118T110640.000Z.json.gz"
    assert paths[2].stat().st_mode & 0o777 == 0o600
