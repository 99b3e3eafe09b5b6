# SPDX-License-Identifier: Apache-2.0
"""One whole cycle on a schedd and a collector in memory: look, choose, do, tell."""

from pathlib import Path
from typing import Any

import classad2
import pytest

from condor_plugins.core.errors import Misconfigured, TryAgain
from condor_plugins.core.recorded import decision_of
from condor_plugins.core.replaying import replay
from condor_plugins.pool.answers import read_answers
from condor_plugins.pool.files import only_one
from condor_plugins.pool.plan_file import read_plan
from condor_plugins.pool.record_files import read_record
from condor_plugins.provisioner import cycle
from tests.core.building import job_ad
from tests.pool.fakes import Pool, Queue, collector_of, recorded, schedd_of

SUM = "0123456789abcdef" * 4


class Acting(Queue):
    """A schedd that remembers what is submitted, edited and removed."""

    done: tuple[Any, ...] = ()

    def submit(self, description: Any) -> Any:
        self.done += ("submit",)
        return self

    def cluster(self) -> int:
        return 12

    def edit(self, where: str, name: str, value: str, flag: Any) -> None:
        self.done += (f"{name} = {value}",)

    def act(self, action: Any, where: str, reason: Any) -> classad2.ClassAd:
        self.done += (where,)
        return classad2.ClassAd({"TotalSuccess": 1})


@pytest.fixture
def knobs(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "glidein-manifest.txt").write_text(f"{SUM}  glidein-ep.tar.gz\n")
    entry = 'Site = "N"\nGridResource = "batch slurm"\nCpus = 8\nMemory = 16000\nWallTime = 3600'
    return {
        "GLIDEIN_STATE_DIR": str(tmp_path / "state"),
        "GLIDEIN_PILOT_DIR": str(tmp_path),
        "GLIDEIN_PILOT_LOG_DIR": str(tmp_path),
        "GLIDEIN_REMOVE_AFTER": "0",
        "GLIDEIN_ENTRY_NAMES": "A",
        "GLIDEIN_ENTRY_A": entry,
        "GLIDEIN_GROUP_NAMES": "everyone",
        "GLIDEIN_GROUP_EVERYONE": "Jobs = true",
        "GLIDEIN_CREDENTIAL_NAMES": "pool",
        "GLIDEIN_CREDENTIAL_POOL": 'Purpose = "callback"\nPath = "/c/pool.token"',
    }


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Acting:
    """A schedd with 20 idle jobs of one core, and an empty pool."""
    job = job_ad(RequestCpus=1, RequestMemory=1000, RequestDisk=1024, JobStatus=1)
    jobs = [classad2.ClassAd(str(job)) for _ in range(20)]
    for number, ad in enumerate(jobs):
        ad["ClusterId"], ad["ProcId"] = 5, number
    made = Acting(jobs)
    use(monkeypatch, made, Pool([], recorded("collector.ad")))
    return made


def use(monkeypatch: pytest.MonkeyPatch, queue: Queue, pool: Pool) -> None:
    monkeypatch.setattr(cycle, "Schedd", lambda: schedd_of(queue))
    monkeypatch.setattr(cycle, "Collector", lambda: collector_of(pool))
    monkeypatch.setattr(cycle, "act_as_account", lambda directory: None)
    monkeypatch.setattr(cycle, "knob", lambda name: "pool")


def test_a_cycle_submits_what_is_missing_and_writes_its_plan(
    knobs: dict[str, str], queue: Acting
) -> None:
    report = cycle.run_cycle(knobs, dry_run=False)
    assert queue.done == ("submit",)
    assert [str(one) for one in report.outcomes] == [
        "everyone at A: submitted cluster 12: 3 pilots waiting"
    ]
    assert report.queries == len(queue.calls) + 2
    written = read_plan(knobs["GLIDEIN_STATE_DIR"])
    assert written["requests"][0]["granted"] == 3
    assert written["outcomes"][0]["done"] == "submitted cluster 12: 3 pilots waiting"


def test_a_dry_run_decides_the_same_and_changes_nothing(
    knobs: dict[str, str], queue: Acting
) -> None:
    for report in (
        cycle.run_cycle(knobs, dry_run=True),
        cycle.run_cycle(knobs | {"GLIDEIN_DRY_RUN": "true"}, dry_run=False),
    ):
        assert report.plan.requests[0].granted == 3
        assert (queue.done, report.outcomes) == ((), [])
        assert read_plan(knobs["GLIDEIN_STATE_DIR"]) == {}


def test_match_answers_go_from_cycle_to_cycle_but_not_from_a_dry_run(
    knobs: dict[str, str], queue: Acting
) -> None:
    state_dir = knobs["GLIDEIN_STATE_DIR"]
    cycle.run_cycle(knobs, dry_run=True)
    assert read_answers(state_dir).before == []
    cycle.run_cycle(knobs, dry_run=False)
    (known,) = read_answers(state_dir).before
    assert list(known.masks.values()) == [1]


def test_a_cycle_leaves_a_record_and_the_oldest_go(
    knobs: dict[str, str], queue: Acting, tmp_path: Path
) -> None:
    directory = tmp_path / "records"
    more = knobs | {"GLIDEIN_RECORD_DIR": str(directory), "GLIDEIN_RECORD_KEEP": "2"}
    plans = [cycle.run_cycle(more, dry_run=False).plan for _ in range(3)]
    files = sorted(directory.iterdir())
    assert len(files) == 2
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    records = [read_record(path) for path in files]
    assert [one.decision for one in records] == [decision_of(plan) for plan in plans[1:]]
    assert records[0].knobs == more
    assert records[1].before == plans[1].memory
    assert [one.now == one.then for one in replay(records, {})] == [True, True]


def test_a_record_on_request(knobs: dict[str, str], queue: Acting, tmp_path: Path) -> None:
    more = knobs | {"GLIDEIN_RECORD_DIR": str(tmp_path / "records")}
    cycle.run_cycle(more, dry_run=True)
    assert not (tmp_path / "records").exists()
    cycle.run_cycle(more, dry_run=True, record=True)
    assert len(list((tmp_path / "records").iterdir())) == 1
    with pytest.raises(Misconfigured, match="GLIDEIN_RECORD_DIR is not set"):
        cycle.run_cycle(knobs, dry_run=True, record=True)


def test_a_record_that_cannot_be_written_fails_nothing(
    knobs: dict[str, str], queue: Acting, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    report = cycle.run_cycle(knobs | {"GLIDEIN_RECORD_DIR": str(tmp_path / "file")}, dry_run=False)
    assert queue.done == ("submit",)
    assert report.unrecorded.startswith("GLIDEIN_RECORD_DIR: ")


def test_a_wrong_plain_knob_ends_before_anything_is_asked(
    knobs: dict[str, str], queue: Acting
) -> None:
    with pytest.raises(Misconfigured, match="GLIDEIN_MAX_PILOTS"):
        cycle.run_cycle(knobs | {"GLIDEIN_MAX_PILOTS": "-1"}, dry_run=False)
    assert queue.calls == []


def test_a_wrong_entry_ends_nothing_and_is_told(knobs: dict[str, str], queue: Acting) -> None:
    more = {"GLIDEIN_ENTRY_NAMES": "A Broken", "GLIDEIN_ENTRY_BROKEN": "Site = 3"}
    report = cycle.run_cycle(knobs | more, dry_run=False)
    assert queue.done == ("submit",)
    assert any("GLIDEIN_ENTRY_Broken" in text for text in report.plan.problems)


def test_two_cycles_at_once_are_one_too_many(knobs: dict[str, str], queue: Acting) -> None:
    with (
        only_one(Path(knobs["GLIDEIN_STATE_DIR"], "lock")),
        pytest.raises(TryAgain, match="another provisioner"),
    ):
        cycle.run_cycle(knobs, dry_run=True)
    assert queue.calls == []


def test_a_schedd_without_answers_changes_nothing(knobs: dict[str, str], queue: Acting) -> None:
    queue.refuses = "JobUniverse == 5"
    report = cycle.run_cycle(knobs, dry_run=False)
    assert report.plan.frozen.startswith("no answer: idle jobs")
    assert queue.done == ()


def test_another_schedd_s_pilot_with_the_same_number_protects_none_of_ours(
    knobs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    base: dict[str, object] = {
        "ClusterId": 7,
        "Owner": "glidein",
        "GlideinEntry": "Old",
        "GlideinGroup": "everyone",
    }
    base["GlideinRequester"] = "ap"
    waiting = [classad2.ClassAd({**base, "ProcId": n, "JobStatus": 1}) for n in (0, 1)]
    queue = Acting([classad2.ClassAd(base), *waiting])
    (ours,), (theirs,) = recorded("glidein-slot.ad"), recorded("glidein-slot.ad")
    ours["GLIDEIN_Pilot"], theirs["GLIDEIN_Pilot"] = "ap-7.0", "other-7.1"
    use(monkeypatch, queue, Pool([ours, theirs], recorded("collector.ad")))
    cycle.run_cycle(knobs, dry_run=False)
    assert [where for where in queue.done if "member(ProcId, { 1 })" in where]
    assert not any("member(ProcId, { 0" in where for where in queue.done)
