# SPDX-License-Identifier: Apache-2.0
"""Expressions as text: brackets, conjuncts, the attributes that are needed."""

import classad2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from condor_plugins.core.expressions import (
    conjuncts,
    depth_change,
    needed_of_itself,
    needed_of_target,
    outside_quotes,
)


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("a = [ b = { 1, (2) } ]", 0),
        ("a = [ b = {", 2),
        ("] }", -2),
        ('a = "[ {" + x', 0),
        (r'a = "say \"[\" {" + [', 1),
        ("'[' = 3", 0),
        (r'a = "ends with a backslash \\" + (', 1),
    ],
)
def test_brackets_inside_quotes_do_not_count(text: str, change: int) -> None:
    assert depth_change(text) == change


def test_positions_inside_quotes_are_left_out() -> None:
    assert [char for _, char, _ in outside_quotes('a"b\\"c"d')] == ["a", "d"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a && b && c", ["a", "b", "c"]),
        ("(a && (b && c))", ["a", "b", "c"]),
        ("(a) && (b || c)", ["a", "b || c"]),
        ("a && b || c", ["a && b || c"]),
        ("a ? b && c : d", ["a ? b && c : d"]),
        ("a && b ?: c", ["a && b ?: c"]),
        ("x =?= undefined && y =!= 3", ["x =?= undefined", "y =!= 3"]),
        ('s == "a && b" && t', ['s == "a && b"', "t"]),
        ("!(a && b)", ["!(a && b)"]),
        ("f(a && b, c) && d", ["f(a && b, c)", "d"]),
        ("(a & b) == 0 && c", ["(a & b) == 0", "c"]),
        ("true", ["true"]),
    ],
)
def test_conjuncts(text: str, parts: list[str]) -> None:
    assert conjuncts(text) == parts


_LEAVES = st.sampled_from([
    "A", "B", "C > 1", 'S == "x && (y"', "true", "false", "undefined", "error", "A =?= B",
    "isUndefined(D)", "{ A, B }[0]", "(A ? B : A)", "member(1, { C, 2 })",
])  # fmt: skip
_EXPRESSIONS = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map(" ".join),
        inner.map("({})".format),
        inner.map("!({})".format),
        st.tuples(inner, inner, inner).map(lambda three: "{} ? {} : {}".format(*three)),
    ),
    max_leaves=8,
)
_ADS = st.fixed_dictionaries({
    "A": st.booleans(),
    "B": st.booleans(),
    "C": st.integers(0, 2),
    "S": st.sampled_from(["x && (y", "z"]),
})


@given(_EXPRESSIONS, _ADS)
def test_an_expression_is_true_when_all_its_conjuncts_are(
    text: str, values: dict[str, object]
) -> None:
    ad = classad2.ClassAd(values)
    parts = conjuncts(text)
    whole = classad2.ExprTree(text).eval(ad) is True
    assert whole == all(classad2.ExprTree(part).eval(ad) is True for part in parts)


def test_what_a_job_needs_of_the_slot() -> None:
    ad = classad2.ClassAd(
        '[ Requirements = TARGET.Memory >= RequestMemory && HasCVMFS && MY.Owner != "x" && Mine;'
        ' Owner = "y"; RequestMemory = 3; Mine = TARGET.Deep > 1 ]'
    )
    assert needed_of_target(ad, ["Requirements"]) == {"Memory", "HasCVMFS", "Deep"}


def test_what_a_job_needs_of_itself() -> None:
    ad = classad2.ClassAd(
        "[ Requirements = TARGET.Memory >= Need && Far; Need = Base * 2; Base = 1 ]"
    )
    assert needed_of_itself(ad, ["Requirements"]) == {"Need", "Base", "Far"}


def test_a_literal_needs_nothing_and_an_absent_expression_neither() -> None:
    ad = classad2.ClassAd("[ Start = true ]")
    assert needed_of_itself(ad, ["Start", "WithinResourceLimits"]) == set()
    assert needed_of_target(ad, ["Start", "WithinResourceLimits"]) == set()
