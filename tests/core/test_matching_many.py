# SPDX-License-Identifier: Apache-2.0
"""Many kinds against many slots at once: exactly the answers of symmetricMatch, few evaluations."""

from collections.abc import Iterable, Sequence
from typing import Any

import classad2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from condor_plugins.core.answers import Kept
from condor_plugins.core.matching import Matcher, prototype
from condor_plugins.core.resources import Resources
from condor_plugins.core.snapshot import JobKind
from tests.core.building import NOW_S, entry, expression, group, kind, record

# Values, plain and not, that both sides give to the same few names.
VALUES = [
    "1", "0", "2", "-1", "8", "1.5", "2.0", "0.0", "1000000000000000000", "999999999999999.0",
    "true", "false", "undefined", "error", '"a"', '"A"', '"b"', '""', '"a,b"', '"a, b"', '"A b"',
    '" a"', '"a,,b"', '"1"', '"x\\"y"', "{ 1, 2 }", "[ X = 1; Y = X ]", "X", "MY.Y", "TARGET.X",
    "TARGET.Y + 1", "ifThenElse(X is undefined, 1, X)", 'relTime("1:00")', "-(1)", "MY.S",
    "TARGET.L", "Own", "MY.Own && TARGET.Own", "time() - time()", 'eval("X")', "N.X", "self.X",
]  # fmt: skip
NAMES = ["X", "Y", "S", "L", "N", "Own"]
CONDITIONS = [
    *(f"{left} {sign} {right}"
      for left, right in (("TARGET.X", "MY.Y"), ("X", "Y"), ("MY.X", "1"), ("1.5", "TARGET.Y"),
                          ("TARGET.X", "-1"), ("TARGET.X", "X"))
      for sign in ("<", "<=", ">", ">=", "==", "!=", "is", "isnt")),
    *(f"{name}({item},{listed}{more})"
      for name in ("stringListMember", "stringListIMember", "STRINGLISTMEMBER")
      for item, listed in (("TARGET.S", "MY.L"), ("S", "L"), ('"a"', "MY.L"), ("TARGET.S", '"a,B"'),
                           ("TARGET.S", '"a b"'), ("MY.S", "TARGET.L"))
      for more in ("", ',","')),
    "X", "MY.X", "TARGET.X", "Own", "MY.Own", "TARGET.Own", "true", "1", "2.5", "0", '"a"', "error",
    "undefined", "!X", "(X > 0 || Y > 0)", "N.X == 1", "TARGET.N.Y == 1", "X is undefined",
    "time() > 0", "member(TARGET.X, MY.N)", "eval(\"TARGET.X > 0\")", "TARGET is MY", "self.X == 1",
    "parent.target.X == 1", "'X' == 1", "versionGE(S, \"1\")", "regexp(TARGET.S, L)", "MY.X > X",
    "target.x >= y", "X ?: Y", "(X ? Y : S) == 1", "(MY.X > 0) && (TARGET.X > 0)", "size(MY.L) > 1",
]  # fmt: skip
# Few plain values, so that ads differ in one of them and are alike in the others.
VALUE = st.one_of(st.sampled_from(["1", "2", '"a"', '"b,a"']), st.sampled_from(VALUES))
ADS = st.dictionaries(st.sampled_from(NAMES), VALUE, max_size=6)
REQUIREMENTS = st.lists(st.sampled_from(CONDITIONS), max_size=4).map(" && ".join)
# Ads of one side that share their conditions, but for every third.
SIDE = st.builds(
    lambda ads, most, some: [(ad, some if at % 3 == 2 else most) for at, ad in enumerate(ads)],
    st.lists(ADS, min_size=1, max_size=6),
    REQUIREMENTS,
    REQUIREMENTS,
)


def ad_of(values: dict[str, str], requirements: str) -> classad2.ClassAd:
    ad = classad2.ClassAd()
    for name, text in values.items():
        ad[name] = expression(text)
    if requirements:
        ad["Requirements"] = expression(requirements)
    return ad


def kind_of(ad: classad2.ClassAd) -> JobKind:
    return JobKind(str(ad), 1, Resources(1, 1, 1, 0), "1.0", "alice", ad)


def masks(
    matcher: Matcher, kinds: Sequence[JobKind], slots: Sequence[classad2.ClassAd], keep: bool = True
) -> list[int]:
    return matcher.masks(kinds, [str(ad) for ad in slots], lambda at: slots[at], keep=keep)


def truth(kinds: Iterable[JobKind], slots: Sequence[classad2.ClassAd]) -> list[int]:
    """The same by HTCondor, pair by pair."""
    return [
        sum(1 << at for at, ad in enumerate(slots) if one.ad.symmetricMatch(ad)) for one in kinds
    ]


@settings(max_examples=250)
@given(SIDE, SIDE, st.booleans())
def test_the_answers_are_symmetric_match_s(
    jobs: list[tuple[dict[str, str], str]], slots: list[tuple[dict[str, str], str]], keep: bool
) -> None:
    kinds, ads = [kind_of(ad_of(*one)) for one in jobs], [ad_of(*one) for one in slots]
    matcher, expected = Matcher(), truth(kinds, ads)
    assert masks(matcher, kinds, ads, keep) == expected
    assert masks(Matcher(Kept(matcher.kept.now)), kinds, ads) == expected


@settings(max_examples=300)
@given(ADS, st.sampled_from(CONDITIONS), ADS, st.sampled_from(CONDITIONS))
def test_each_condition_alone_is_symmetric_match_s(
    job: dict[str, str], wanted: str, slot: dict[str, str], start: str
) -> None:
    """Of either side, with the slot's behind a name as in a startd's ad."""
    kinds = [kind_of(ad_of(job, wanted)), kind_of(ad_of(job, "true"))]
    behind = ad_of(slot | {"Start": start, "Fits": "MY.Start"}, "Start && MY.Fits && true")
    ads = [ad_of(slot, "true"), behind, ad_of(slot, start)]
    assert masks(Matcher(), kinds, ads) == truth(kinds, ads)


@pytest.mark.parametrize(
    ("wanted", "jobs", "slots"),
    [
        ("MY.X > 1", [{}, {"Y": "1"}], [{"X": "5"}]),
        ("X > 1", [{}, {"X": "1"}, {"X": "2"}], [{"X": "5"}, {"X": "1"}, {}]),
        ("X > 1", [{}], [{"X": "5"}, {"X": "1"}, {"X": "Y", "Y": "2"}]),
        ("X + 1 > 2", [{}, {"X": "1"}, {"X": "2"}], [{"X": "5"}, {"X": "1"}, {}]),
        ("TARGET.X > Y", [{"Y": "1"}, {"Y": '"1"'}, {"Y": "true"}], [{"X": "5"}, {"X": "true"}]),
        ("TARGET.X >= Y", [{"Y": "5"}, {"Y": "5.0"}, {"Y": "-5"}], [{"X": "5"}, {"X": "5.5"}]),
        ('eval("TARGET.X > 1")', [{}], [{"X": "5"}, {"X": "1"}]),
        ("eval(Y)", [{"Y": '"X > 1"', "X": "2"}, {"Y": '"X > 1"', "X": "1"}], [{}]),
        ("TARGET.Y", [{"Z": "1"}, {"Z": "2"}], [{"Y": "TARGET.Z > 1"}, {"Y": "Z is 1"}]),
        ("MY.Y", [{"Y": "TARGET.X > 1"}, {"Y": "X > 1", "X": "2"}], [{"X": "2"}, {"X": "1"}]),
        ("Y", [{"Y": "MY.Y"}, {"Y": "X", "X": "Y"}, {"Y": "1"}], [{"X": "5"}, {"Y": "X"}]),
        ("N.Y", [{"N": "[ Y = Z ]"}, {"N": "[ Y = Z ]", "Z": "true"}], [{"Z": "true"}, {}]),
    ],
)
def test_every_way_to_refer_to_an_attribute(
    wanted: str, jobs: list[dict[str, str]], slots: list[dict[str, str]]
) -> None:
    """From either side."""
    kinds, ads = (
        [kind_of(ad_of(one, wanted)) for one in jobs],
        [ad_of(one, "true") for one in slots],
    )
    assert masks(Matcher(), kinds, ads) == truth(kinds, ads)
    kinds, ads = (
        [kind_of(ad_of(one, "true")) for one in slots],
        [ad_of(one, wanted) for one in jobs],
    )
    assert masks(Matcher(), kinds, ads) == truth(kinds, ads)


@pytest.mark.parametrize("parts", [10, 300, 395, 500, 2000])
def test_what_is_too_deep_for_classad_matches_nothing(parts: int) -> None:
    job = kind_of(ad_of({}, " && ".join(["TARGET.X > 0"] * parts)))
    assert masks(Matcher(), [job], [ad_of({"X": "1"}, "true")]) == [int(parts < 400)]


def entries(sites: int) -> list[classad2.ClassAd]:
    """Prototypes of every site in three shapes."""
    return [
        prototype(
            entry(
                f"E{site}-{cpus}", site=f"site{site}", shape=Resources(cpus, cpus * 2000, 20_000, 0)
            ),
            group(),
            NOW_S,
        )
        for site in range(sites)
        for cpus in (8, 16, 64)
    ]


def test_evaluations_grow_with_what_differs_and_not_with_pairs() -> None:
    wanted = "stringListMember(TARGET.GLIDEIN_Site, MY.DESIRED_Sites)"
    kinds = [
        kind(5, 1 + n % 8, 1000 + n, wanted, DESIRED_Sites=f"site{n % 20},site{n * 7 % 20}")
        for n in range(400)
    ]
    matcher, ads = Matcher(), entries(20)
    assert masks(matcher, kinds, ads) == truth(kinds, ads)
    assert matcher.evaluated < 100


class Watched:
    """Slot ads that remember which of them were asked for."""

    def __init__(self, ads: Sequence[classad2.ClassAd]) -> None:
        self.ads, self.asked = ads, list[int]()
        self.signatures = [str(ad["GLIDEIN_Entry"]) for ad in ads]

    def __call__(self, at: int) -> classad2.ClassAd:
        self.asked.append(at)
        return self.ads[at]


KINDS = [kind(1, memory_mb=1000 + 2000 * n) for n in range(30)]


def known() -> tuple[Watched, Kept, list[int]]:
    """Slot ads, what a first cycle leaves about them, and its answers."""
    watched = Watched(entries(5))
    matcher = Matcher()
    found = matcher.masks(KINDS, watched.signatures, watched)
    watched.asked.clear()
    return watched, Kept(matcher.kept.now), found


def test_what_is_kept_needs_no_ad_and_no_evaluation() -> None:
    watched, kept, before = known()
    matcher = Matcher(kept)
    assert matcher.masks(KINDS, watched.signatures, watched) == before
    assert (matcher.evaluated, watched.asked, kept.changed) == (0, [], False)


def test_a_new_kind_needs_few_of_the_ads() -> None:
    watched, kept, _ = known()
    new = [*KINDS[1:], kind(1, memory_mb=99_000)]
    assert Matcher(kept).masks(new, watched.signatures, watched) == truth(new, watched.ads)
    assert 0 < len(watched.asked) < len(watched.ads)
    assert kept.changed
    assert len(kept.now[0].masks) == len(new)


def test_entries_that_go_or_change_places_are_no_reason_to_evaluate() -> None:
    watched, kept, _ = known()
    turned = Watched(watched.ads[9:2:-1])
    matcher = Matcher(kept)
    assert matcher.masks(KINDS, turned.signatures, turned) == truth(KINDS, turned.ads)
    assert (matcher.evaluated, turned.asked) == (0, [])


def test_a_new_entry_is_evaluated() -> None:
    _, kept, _ = known()
    more = Watched(entries(6))
    assert Matcher(kept).masks(KINDS, more.signatures, more) == truth(KINDS, more.ads)


def lasts(requirements: str, start: str = "true", **job: Any) -> bool:
    """Whether the answer about such jobs at such an entry is kept."""
    matcher, ad = Matcher(), prototype(entry(start=start), group(), NOW_S)
    matcher.masks([kind(1, requirements=requirements, **job)], ["A"], lambda at: ad)
    assert not any("glidein_todie" in one.columns for one in matcher.kept.now)
    return bool(matcher.kept.now[0].masks)


def test_answers_that_time_changes_are_not_kept() -> None:
    assert lasts("TARGET.GLIDEIN_ToDie - time() > MY.Long", Long=600)
    assert not lasts("TARGET.GLIDEIN_ToDie > 1900000000")
    assert not lasts("time() > 1900000000")
    assert not lasts("CurrentTime > MY.Later", Later=1_900_000_000)
    assert not lasts("MY.Due", Due=expression("time() > 1900000000"))
    assert not lasts("random(2) == 1")
    assert not lasts("true", start="time() < 1900000000")
    assert lasts("true", start="TARGET.RequestCpus > 1")


def test_without_keep_nothing_stays() -> None:
    matcher = Matcher()
    ad = prototype(entry(attributes=record(HasCVMFS=True)), group())
    for _ in range(2):
        before = matcher.evaluated
        assert masks(matcher, [kind(1, requirements="HasCVMFS")], [ad], keep=False) == [1]
        assert matcher.evaluated > before
    assert (matcher.kept.before, matcher.kept.now) == ([], [])


def test_no_kinds_and_no_slots_are_no_trouble() -> None:
    assert masks(Matcher(), [], entries(1)) == []
    assert masks(Matcher(), [kind(1)], []) == [0]
