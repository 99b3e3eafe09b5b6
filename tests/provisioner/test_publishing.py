# SPDX-License-Identifier: Apache-2.0
"""The schedd's ad: one attribute a line, whatever the words in it are."""

import classad2
import pytest

from condor_plugins.core.plan import Plan
from condor_plugins.provisioner.acting import Outcome
from condor_plugins.provisioner.publishing import attributes
from tests.core.building import NOW_S, choose, cluster, entry, kind, policy, slot

HOSTILE = 'two\nlines "quoted" \\ \ttab $(HOME) $$(x) \r\n- update:true\nGlideinIdleJobs = 0'


def published(plan: Plan, *outcomes: Outcome) -> classad2.ClassAd:
    """The ad as the schedd makes it: every line but the last is an attribute of its own."""
    *lines, last = attributes(plan, outcomes, 1.23456)
    assert last == "- update:true\n"
    ad = classad2.ClassAd()
    for line in lines:
        assert line.count("\n") == 1
        name, _, value = line.partition(" = ")
        assert name.isidentifier()
        assert name not in ad
        ad[name] = classad2.ExprTree(value)
    return ad


def plan() -> Plan:
    wanted = policy([entry("A", max_idle_pilots=3), entry("B", max_held_pilots=1)])
    here = (cluster(waiting=1, running=2, max_idle=1, most=3), cluster(8, "B", held=2))
    jobs = [kind(100), kind(5, requirements="HasCVMFS")]
    return choose(wanted, jobs, clusters=here, slots=(slot("7.0", 4, 16_000),))


def test_the_figures_of_a_cycle() -> None:
    ad = published(plan())
    values = {name: ad.eval(name) for name in ad}
    assert values["GlideinCycleTime"] == NOW_S
    assert values["GlideinCycleSeconds"] == 1.235
    assert values["GlideinCycleResult"] == "ok"
    assert values["GlideinIdleJobs"] == 105
    assert (values["GlideinJobsInSlots"], values["GlideinJobsInComingPilots"]) == (4, 8)
    assert values["GlideinJobsUnmet"] == 105 - 4 - 8 - 16
    assert [values[f"GlideinPilots{name}"] for name in ("Waiting", "Running", "Held")] == [1, 2, 2]
    assert values["GlideinPilotsGranted"] == 3


def test_every_request_is_a_nested_ad() -> None:
    requests = published(plan()).eval("GlideinRequests")
    first = {name: requests[0].eval(name) for name in requests[0]}
    assert (first["Group"], first["Entry"], first["Granted"]) == ("everyone", "A", 3)
    assert list(first["CutBy"]) == ["entry A MaxIdlePilots (3 of 3)"]
    assert requests[1].eval("Shut") == ""


def test_every_cycle_publishes_the_same_names() -> None:
    """The schedd keeps an attribute until it is overwritten."""
    assert set(published(plan())) == set(published(Plan(0)))


@pytest.mark.parametrize("words", [HOSTILE, "", "ünïcode ✓", '"', "\\"])
def test_hostile_words_stay_words(words: str) -> None:
    problems = plan()._replace(problems=(words,), frozen=words)
    ad = published(problems, Outcome("g", "A", "", words))
    told = [str(one) for one in ad.eval("GlideinProblems")]
    assert told[0].split() == words.split()
    if words:
        assert told[1].split() == f"g/A: {words}".split()
        assert str(ad.eval("GlideinCycleResult")).split() == f"frozen: {words}".split()


def test_hostile_words_in_a_request_stay_words() -> None:
    first, *rest = plan().requests
    hostile = plan()._replace(requests=(first._replace(shut=HOSTILE), *rest))
    (ad, *_) = published(hostile).eval("GlideinRequests")
    assert str(ad.eval("Shut")).split() == HOSTILE.split()


def test_failed_actions_are_counted_and_named() -> None:
    failed = Outcome("everyone", "A", "", "Edit: no answer")
    ad = published(plan(), failed, Outcome("everyone", "B", "done"))
    assert ad.eval("GlideinCycleResult") == f"1 of {len(plan().actions)} actions failed"
    assert list(ad.eval("GlideinProblems")) == ["everyone/A: Edit: no answer"]


def test_a_doubt_has_an_attribute_of_its_own() -> None:
    doubted = plan()._replace(doubt="idle jobs fell from 900 to 0 cores without starting")
    ad = published(doubted)
    assert ad.eval("GlideinCycleResult") == f"doubt: {doubted.doubt}"
    assert ad.eval("GlideinDoubt") == doubted.doubt
    assert published(plan()).eval("GlideinDoubt") == ""
