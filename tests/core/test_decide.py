# SPDX-License-Identifier: Apache-2.0
"""The whole decision: it comes to rest, keeps every limit and accounts for every job."""

from hypothesis import given
from hypothesis import settings as limited
from hypothesis import strategies as st

from condor_plugins.core.plan import Edit, Memory, Plan, Surplus
from condor_plugins.core.policy import Downtime, Policy, Site
from condor_plugins.core.resources import Resources
from condor_plugins.core.snapshot import JobKind
from tests.core.building import (
    NOW_S,
    choose,
    cluster,
    entry,
    group,
    kind,
    of,
    policy,
    settings,
    slot,
)
from tests.core.queue_model import Queue

_WISHES = st.sampled_from([
    "true", 'TARGET.GLIDEIN_Entry == "E0"', 'TARGET.GLIDEIN_Entry =!= "E0"', "HasCVMFS",
])  # fmt: skip
_KINDS = st.lists(
    st.builds(
        kind,
        st.integers(1, 300),
        st.integers(1, 16),
        st.integers(100, 16_000),
        _WISHES,
        Project=st.sampled_from(["x", "y", "z"]),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda one: one.signature,
)
_SHAPES = st.tuples(st.integers(1, 16), st.integers(1000, 32_000)).map(
    lambda sizes: Resources(*sizes, 20_000)
)
_CEILINGS = st.integers(0, 30)
_WEIGHTS = st.sampled_from([0.5, 1.0, 3.0])


@st.composite
def _policies(draw: st.DrawFn) -> Policy:
    """Up to three entries, of which one may be down, two groups, a site: any weights and limits."""
    entries = [
        entry(
            f"E{n}",
            shape=shape,
            site="S",
            weight=draw(_WEIGHTS),
            max_pilots=draw(_CEILINGS),
            max_idle_pilots=draw(_CEILINGS),
        )
        for n, shape in enumerate(draw(st.lists(_SHAPES, min_size=1, max_size=3)))
    ]
    groups = [
        group("g", 'Project == "x"', max_pilots=draw(_CEILINGS), weight=draw(_WEIGHTS)),
        group("h", max_pilots_per_entry=draw(_CEILINGS)),
    ]
    ceilings = settings(
        max_pilots=draw(_CEILINGS),
        max_idle_pilots=draw(_CEILINGS),
        max_unused=draw(st.sampled_from([0, 50, 100])),
    )
    down = {"E1": Downtime("power", 0, 0, "root")} if draw(st.booleans()) else {}
    sites = {"S": Site("S", draw(_CEILINGS), draw(_CEILINGS), 0)}
    return policy(entries, groups, settings=ceilings, downtimes=down, sites=sites)


def _granted(plan: Plan) -> int:
    return sum(one.granted for one in plan.requests)


@given(_policies(), _KINDS)
def test_a_decision_that_was_carried_out_is_not_changed_by_the_next(
    wanted: Policy, kinds: list[JobKind]
) -> None:
    """Only the figures may: jobs that a limit cut find spare room in pilots of another group."""
    queue = Queue()
    queue.act(choose(wanted, kinds))
    again = choose(wanted, kinds, clusters=queue.seen)
    edited = {name for one in again.actions if isinstance(one, Edit) for name, _ in one.changes}
    assert all(isinstance(one, Edit) for one in again.actions)
    assert edited <= {"GlideinWanted", "GlideinGranted", "GlideinLimit"}
    assert sum(one.surplus for one in again.requests) == 0
    queue.act(again)
    assert choose(wanted, kinds, clusters=queue.seen).actions == ()


@given(_policies(), _KINDS, _KINDS)
@limited(max_examples=40)  # twelve decisions each
def test_it_comes_to_rest_after_any_change_of_demand(
    wanted: Policy, before: list[JobKind], after: list[JobKind]
) -> None:
    queue, memory, plan = Queue(), Memory(), None
    queue.act(choose(wanted, before))
    for cycle in range(12):
        now_s = NOW_S + 300 * cycle
        plan = choose(wanted, after, clusters=queue.seen, before=memory, now_s=now_s)
        queue.act(plan)
        memory = plan.memory
    assert plan is not None
    assert plan.actions == ()


@given(_policies(), _KINDS, st.integers(0, 40), st.integers(0, 40), st.integers(0, 12))
def test_no_limit_is_ever_exceeded(
    wanted: Policy, kinds: list[JobKind], waiting: int, running: int, held: int
) -> None:
    here = cluster(
        entry_name="E0", group="h", waiting=waiting, running=running, held=held, starting=running
    )
    plan = choose(wanted, kinds, clusters=(here,))
    present = {(one.group, one.entry): one.most for one in plan.requests}
    rows = [(wanted.settings.max_pilots, list(present))]
    rows += [
        (e.max_pilots, [p for p in present if p[1] == e.name]) for e in wanted.entries.values()
    ]
    rows += [(g.max_pilots, [p for p in present if p[0] == g.name]) for g in wanted.groups.values()]
    rows += [(wanted.sites["S"].max_pilots, list(present))]
    rows += [(wanted.groups[p[0]].max_pilots_per_entry, [p]) for p in present]
    for ceiling, members in rows:
        there = here.present if ("h", "E0") in members else 0
        assert sum(present[pair] for pair in members) <= max(ceiling, there)
    opened = sum(present.values()) - here.present
    assert opened == 0 or opened + waiting <= wanted.settings.max_idle_pilots


@given(_policies(), _KINDS, st.lists(st.integers(0, 16), max_size=3), st.integers(0, 5))
def test_every_job_is_accounted_for_once(
    wanted: Policy, kinds: list[JobKind], rooms: list[int], waiting: int
) -> None:
    slots = tuple(slot(f"{n}.0", cores, 4000 * cores) for n, cores in enumerate(rooms))
    here = cluster(entry_name="E0", group="g", waiting=waiting)
    plan = choose(wanted, kinds, slots=slots, clusters=(here,))
    assert plan.jobs() == sum(one.count for one in kinds)
    for fate in plan.fates:
        placed = fate.in_slots + fate.in_coming + sum(fate.asked.values())
        assert placed + fate.unmet == fate.count
        assert min(fate.in_slots, fate.in_coming, fate.unmet, *fate.asked.values(), 0) == 0


@given(_policies(), _KINDS)
def test_what_is_asked_for_is_enough_and_no_pilot_is_empty(
    wanted: Policy, kinds: list[JobKind]
) -> None:
    plan = choose(wanted, kinds)
    for one in plan.requests:
        fates = [f for f in plan.fates if f.group == one.group and one.entry in f.asked]
        cores = sum(fate.asked[one.entry] * fate.cpus for fate in fates)
        memory_mb = sum(fate.asked[one.entry] * fate.memory_mb for fate in fates)
        shape = wanted.entries[one.entry].shape
        assert cores <= one.granted * shape.cpus
        assert memory_mb <= one.granted * shape.memory_mb
        assert one.granted <= sum(fate.asked[one.entry] for fate in fates)


@given(_policies(), _KINDS.map(lambda kinds: kinds[:1]), st.integers(1, 100))
def test_more_demand_never_gives_a_smaller_request(
    wanted: Policy, kinds: list[JobKind], more: int
) -> None:
    (one,) = kinds
    grown = JobKind(one.signature, one.count + more, one.each, one.example, one.owner, one.ad)
    assert _granted(choose(wanted, [one])) <= _granted(choose(wanted, [grown]))


@given(_policies(), st.lists(st.sampled_from(["slots", "pilots", "idle jobs"]), min_size=1))
def test_without_an_answer_nothing_is_changed_or_removed(wanted: Policy, failed: list[str]) -> None:
    """However long the surplus has lasted, and whatever stands in the queue."""
    here = tuple(
        cluster(number, entry_name=name, group=group_name, waiting=9, max_idle=9, most=9)
        for number, name in enumerate(("E0", "gone"), 7)
        for group_name in ("g", "h")
    )
    before = Memory({f"{g}/{e}": (Surplus(0, 9),) for g in "gh" for e in ("E0", "E1")})
    plan = choose(wanted, clusters=here, before=before, failed=tuple(failed))
    assert plan.actions == ()
    assert all(one.removing == 0 for one in plan.requests)


@given(_policies(), _KINDS)
def test_the_order_of_the_answers_does_not_matter(wanted: Policy, kinds: list[JobKind]) -> None:
    sizes = [(one.each.cpus, one.each.memory_mb) for one in kinds]
    if len(set(sizes)) == len(sizes):
        assert choose(wanted, kinds).requests == choose(wanted, kinds[::-1]).requests


def test_contested_pilots_are_not_taken_from_the_jobs_that_have_no_other() -> None:
    """Jobs that may go anywhere must not fill the pilots of those that may not, which would ask for
    more, while the others' pilots become surplus.
    """
    wanted = policy([entry("E0"), entry("E1")])
    kinds = [kind(80), kind(80, requirements='TARGET.GLIDEIN_Entry == "E0"')]
    queue = Queue()
    queue.act(choose(wanted, kinds))
    assert {one.entry: one.waiting for one in queue.seen} == {"E0": 10, "E1": 10}
    assert choose(wanted, kinds, clusters=queue.seen).actions == ()


def test_the_life_of_a_request() -> None:
    """Pilots start, join, take the jobs; the work ends; what waits is taken back; all is quiet."""
    wanted, jobs, queue = policy([entry(max_idle_pilots=4)]), [kind(48)], Queue()
    queue.act(choose(wanted, jobs))
    assert queue.clusters[1].waiting == 4
    queue.start(1, 3)
    queue.act(choose(wanted, jobs, clusters=queue.seen))
    assert (queue.clusters[1].waiting, queue.clusters[1].present) == (3, 6)
    done = choose(wanted, clusters=queue.seen)
    queue.act(done)
    assert queue.clusters[1].max_idle == 0
    later = choose(wanted, clusters=queue.seen, before=done.memory, now_s=NOW_S + 300)
    queue.act(later)
    assert (queue.clusters[1].waiting, queue.clusters[1].running) == (0, 3)
    rest = choose(wanted, clusters=queue.seen, before=later.memory, now_s=NOW_S + 360)
    assert rest.actions == ()


def test_a_site_that_holds_every_pilot_stops_at_its_ceiling() -> None:
    wanted, jobs, queue = policy([entry(max_held_pilots=10)]), [kind(800)], Queue()
    for _ in range(5):
        queue.act(choose(wanted, jobs, clusters=queue.seen))
        for number, one in list(queue.clusters.items()):
            queue.hold(number, one.waiting)
    assert queue.clusters[1].held <= 50
    last = choose(wanted, jobs, clusters=queue.seen)
    assert of(last).granted == 0
    assert "entry A MaxHeldPilots" in of(last).cut_by[0]
