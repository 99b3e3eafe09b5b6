# SPDX-License-Identifier: Apache-2.0
"""One facility's jobs, event by event: what is sent, what is asked, what HTCondor is told."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from condor_plugins.facility.values import COMPLETED, HELD, IDLE, RUNNING, Outcome, Submission
from condor_plugins.gateway.pace import Pace
from condor_plugins.gateway.values import (
    ENDED,
    INTENDED,
    REFUSED,
    SENT,
    SUBMITTED,
    WrongJob,
)
from tests.gateway.engine_bench import Bench
from tests.gateway.fake_backend import request


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "state" / "ledger.sqlite")
    yield made
    made.ledger.close()


def test_the_wish_is_on_disk_before_anything_is_sent(bench: Bench) -> None:
    seen = []

    def look(verb: str) -> str:
        if verb == "submit":
            seen.append([one.phase for one in bench.ledger.rows("")])
        return ""

    bench.there.switch = look
    record = bench.engine.accept(request("home_bl_1"))
    assert (bench.phase(record.name), bench.there.calls) == (INTENDED, [])
    bench.engine.send([record.name])
    assert seen == [[SENT]]
    found = bench.record(record.name)
    assert (found.phase, found.remote_id, found.handle) == (SUBMITTED, "1000", "1000")


def test_the_same_key_is_the_same_job(bench: Bench) -> None:
    names = {bench.submit() for _ in range(3)}
    assert len(names) == len(bench.there.jobs) == 1


def test_many_threads_and_engines_send_a_job_once(bench: Bench) -> None:
    engines = [bench.engine, bench.another(), bench.another()]

    def work(number: int) -> None:
        engine = engines[number % 3]
        engine.send([engine.accept(request(f"home_bl_{number % 10}")).name])
        engine.work()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(job.name for job in bench.there.jobs) == sorted(
        record.name for record in bench.ledger.rows("")
    )
    assert len(bench.there.jobs) == 10
    assert {one.phase for one in bench.ledger.rows("")} == {SUBMITTED}


def test_after_a_lost_answer_the_job_is_found_by_its_name(bench: Bench) -> None:
    bench.faults["submit"] = "lost"
    name = bench.submit()
    assert bench.engine.tell(name) == name
    assert (bench.phase(name), bench.record(name).hint) == (SENT, "task-1000")
    assert bench.engine.answer(name).status == IDLE
    bench.engine.work()
    bench.there.start(bench.job(name))
    bench.poll()
    found = bench.record(name)
    assert (found.phase, found.remote_id, found.handle) == (SUBMITTED, "1000", name)
    assert bench.engine.answer(name) == bench.engine.answer("1000") == (RUNNING, {})
    assert len(bench.there.jobs) == 1


def test_what_never_arrived_is_sent_again_after_the_grace_period(bench: Bench) -> None:
    bench.faults["submit"] = "lost-before"
    first = bench.submit("home_bl_1")
    bench.faults.clear()
    second = bench.submit("home_bl_2")
    bench.poll(500.0)
    assert bench.phase(first) == SENT
    bench.poll(110.0)
    assert bench.phase(first) == SENT, "one answer may be wrong"
    bench.poll(61.0)
    assert bench.phase(first) == INTENDED
    bench.engine.work()
    assert [bench.phase(name) for name in (first, second)] == [SUBMITTED, SUBMITTED]
    assert [job.name for job in bench.there.jobs] == [second, first]


@pytest.mark.parametrize(("asked_s", "first_s", "last_s"), [(0, 3.0, 4.0), (100, 99.0, 115.0)])
def test_what_was_not_taken_is_sent_again_when_the_facility_wants_it(
    bench: Bench, asked_s: float, first_s: float, last_s: float
) -> None:
    bench.faults["submit"], bench.there.retry_after_s = "not-sent", asked_s
    name = bench.submit()
    assert (bench.phase(name), bench.record(name).sends) == (INTENDED, 0)
    bench.faults.clear()
    bench.now += first_s
    assert bench.engine.work() > 0
    bench.engine.send([name])
    bench.engine.poll(force=True)
    sent = [one for one in bench.there.calls if asked_s or one != "credential"]
    assert sent == ["put", "submit"], "it is left alone until then"
    bench.now += last_s - first_s
    bench.engine.work()
    assert bench.phase(name) == SUBMITTED


def test_waits_grow_up_to_one_interval_of_polls(bench: Bench) -> None:
    bench.faults["submit"] = "not-sent"
    name = bench.submit()
    pace = Pace(bench.ledger, lambda: bench.now, lambda: 0.5, bench.site.poll_s)
    waits = []
    for _ in range(10):
        waits.append(pace.sends_in_s())
        bench.now += waits[-1]
        bench.engine.send([name])
    assert waits[:4] == [3.75, 7.5, 15.0, 30.0]
    assert waits[-1] == 45.0
    bench.faults.clear()
    bench.now += waits[-1]
    bench.engine.send([name])
    assert (pace.sends_in_s(), bench.phase(name)) == (0.0, SUBMITTED)
    bench.faults["submit"] = "not-sent"
    bench.submit("home_bl_2")
    assert pace.sends_in_s() == 3.75


def test_a_refusal_is_told_second_because_a_first_one_is_ignored(bench: Bench) -> None:
    bench.faults["submit"] = "refuse"
    name = bench.submit()
    told = [bench.engine.answer(name) for _ in range(4)]
    assert [answer.status for answer in told] == [IDLE, HELD, IDLE, HELD]
    assert told[1].attributes["HoldReason"] == "sbatch: error: Invalid qos specification"
    assert bench.engine.cancel(name)
    bench.faults.clear()
    again = bench.submit()
    assert (again, bench.phase(again)) == (f"{name}-2", SUBMITTED)


def test_a_job_that_cannot_be_made_is_refused_alone(bench: Bench, tmp_path: Path) -> None:
    bench.there.most_at_once = 10
    bad = bench.engine.accept(request("home_bl_1", inputs=(f"{tmp_path}/none",))).name
    good = bench.engine.accept(request("home_bl_2")).name
    bench.engine.send([bad, good])
    assert (bench.phase(bad), bench.phase(good)) == (REFUSED, SUBMITTED)
    assert "No such file" in bench.record(bad).error


@pytest.mark.parametrize("fault", ["no-news", "rejected"])
def test_staging_that_fails_holds_no_job(bench: Bench, fault: str) -> None:
    bench.faults["put"] = fault
    name = bench.submit()
    assert (bench.phase(name), bool(bench.engine.state().error)) == (INTENDED, True)
    bench.faults.clear()
    bench.now += 10.0
    bench.engine.work()
    assert bench.phase(name) == SUBMITTED


@pytest.mark.parametrize("fault", ["no-news", "maintenance", "rejected"])
def test_no_answer_changes_no_job(bench: Bench, fault: str) -> None:
    name = bench.running()
    before = bench.record(name)
    bench.faults = dict.fromkeys(("states", "submit", "get", "cancel", "health"), "no-news")
    bench.faults["states"] = fault
    for _ in range(20):
        bench.now += 700.0
        bench.engine.work()
    waiting = bench.submit("home_bl_2")
    assert bench.record(name) == before
    assert (bench.engine.answer(name).status, bench.phase(waiting)) == (RUNNING, INTENDED)
    assert bench.engine.state().error
    assert (bench.engine.state().state == "down") == (fault == "maintenance")
    bench.faults.clear()
    bench.now += 700.0
    bench.engine.work()
    assert bench.phase(waiting) == SUBMITTED
    state = bench.engine.state()
    assert (state.state, state.words, state.error) == ("up", "", "")


def test_an_outage_is_no_time_in_which_a_job_was_missing(bench: Bench) -> None:
    name = bench.running()
    bench.running("home_bl_2")
    bench.faults["submit"] = "lost-before"
    sent = bench.submit("home_bl_3")
    bench.faults = {}
    bench.job(name).listed_s = 1e12
    bench.poll(650.0 - 61.0)
    bench.now += 5000.0
    assert bench.engine.poll()
    assert (bench.phase(name), bench.phase(sent)) == (SUBMITTED, SENT)
    assert bench.record(name).missing_s == bench.record(sent).missing_s == bench.now
    bench.poll()
    assert (bench.phase(name), bench.phase(sent)) == (SUBMITTED, INTENDED)
    bench.poll(600.0)
    assert bench.phase(name) == ENDED


def test_an_empty_answer_is_doubted_for_long(bench: Bench) -> None:
    name = bench.running()
    bench.faults["rows"] = "empty"
    for _ in range(5):
        assert bench.poll(700.0)
        assert bench.phase(name) == SUBMITTED


def test_a_state_that_nobody_knows_is_still_there(bench: Bench) -> None:
    name = bench.running()
    bench.job(name).word = "SIGNALING"
    for _ in range(20):
        bench.poll(700.0)
    assert bench.engine.answer(name) == (RUNNING, {})


def test_not_found_is_not_done_before_two_answers_and_the_grace_period(bench: Bench) -> None:
    name = bench.running()
    bench.running("home_bl_2")
    bench.job(name).listed_s = 1e12
    bench.poll(61.0)
    bench.poll(500.0)
    assert bench.phase(name) == SUBMITTED
    bench.poll(101.0)
    assert bench.phase(name) == ENDED
    bench.engine.finish()
    answer = bench.engine.answer(name)
    assert (answer.status, answer.attributes["ExitCode"]) == (COMPLETED, 1)
    assert "knows nothing of the job" in str(answer.attributes["ExitReason"])


def test_one_that_turns_up_again_is_not_lost(bench: Bench) -> None:
    name = bench.running()
    bench.running("home_bl_2")
    for _ in range(4):
        bench.job(name).listed_s = 1e12
        bench.poll(400.0)
        bench.job(name).listed_s = 0.0
        bench.poll(400.0)
    assert (bench.phase(name), bench.record(name).missing_s) == (SUBMITTED, 0.0)


def test_a_job_that_ended_and_was_told_may_be_wanted_again(bench: Bench) -> None:
    name = bench.running()
    bench.end(name)
    bench.engine.finish()
    assert bench.engine.accept(request("home_bl_1")).name == name, "the end is not told yet"
    bench.engine.answer(name)
    assert bench.engine.accept(request("home_bl_1")).name == f"{name}-2"


def test_a_handle_of_another_ledger_is_adopted(bench: Bench) -> None:
    job = bench.there.take("unknown")
    assert bench.engine.answer(job.id) == (IDLE, {})
    bench.there.start(job)
    bench.poll()
    assert bench.engine.answer(job.id) == (RUNNING, {})
    bench.there.end(job, "failed", 5)
    bench.poll()
    bench.engine.work()
    assert bench.engine.answer(job.id).attributes["ExitCode"] == 5
    for handle in ("", "a b", "x" * 64, "../x", "a/b"):
        with pytest.raises(WrongJob):
            bench.engine.answer(handle)


def test_all_processes_together_poll_once_in_a_period(bench: Bench) -> None:
    bench.submit()
    engines = [bench.engine, bench.another()]
    asked = []
    for _ in range(12):
        bench.now += 10.0
        asked.append(sum(engine.poll() for engine in engines))
    assert sum(asked) == bench.there.calls.count("states") == 2
    assert engines[1].poll(force=True)


def test_a_poll_without_news_writes_no_job(bench: Bench) -> None:
    for number in range(30):
        bench.submit(f"home_bl_{number}")
    bench.poll()
    count = "SELECT max(change) FROM jobs"
    before = bench.ledger.connect().execute(count).fetchone()
    for step in range(5):
        bench.there.jobs[3].start_s = 10.0 * step  # an estimate
        assert bench.poll()
    assert bench.ledger.connect().execute(count).fetchone() == before


def test_a_backend_that_takes_many_gets_many(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.there.most_at_once = 8
    sizes: list[int] = []
    submit = bench.there.submit

    def counting(jobs: Sequence[Submission]) -> list[Outcome]:
        sizes.append(len(jobs))
        return submit(jobs)

    monkeypatch.setattr(bench.there, "submit", counting)
    bench.engine.send([bench.engine.accept(request(f"home_bl_{n}")).name for n in range(20)])
    assert sorted(sizes) == [4, 8, 8]
    assert {one.phase for one in bench.ledger.rows("")} == {SUBMITTED}


def test_long_over_is_forgotten(bench: Bench) -> None:
    name = bench.running()
    bench.end(name)
    bench.engine.work()
    bench.now += 8 * 86400
    bench.engine.work()
    assert bench.record(name).request == ""
    bench.now += 60 * 86400
    bench.engine.work()
    assert bench.ledger.get(name) is None


def test_the_state_of_the_facility_is_kept(bench: Bench) -> None:
    assert bench.engine.health().state == "up"
    bench.engine.work()
    state = bench.another().state()
    assert (state.state, state.words) == ("up", "all is well")
    assert (state.credential_expires_s, state.credential_words) == (2e9, "renew it")
