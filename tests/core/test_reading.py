# SPDX-License-Identifier: Apache-2.0
"""Knobs and ads are read by the table; whatever is wrong with them is named."""

import pytest

from condor_plugins.core.problems import Problem
from condor_plugins.core.reading import (
    WrongValueError,
    knob_value,
    names,
    nearest,
    object_values,
    parse_ad,
)
from condor_plugins.core.table import CREDENTIAL, ENTRY, Knob

GOOD = 'Site = "N"\nGridResource = "batch slurm"\nCpus = 8\nMemory = 16000\nWallTime = 3600\n'
NUMBER = Knob("GLIDEIN_X", "integer", "3", "", "pilots", 1)
TRUTH = Knob("GLIDEIN_Y", "boolean", "false", "")


def problems(text: str) -> list[str]:
    return [str(one) for one in object_values(ENTRY, "K", parse_ad(text))[1]]


def test_what_is_not_given_has_its_default() -> None:
    values, wrong = object_values(ENTRY, "K", parse_ad(GOOD))
    assert wrong == []
    assert (values["Cpus"], values["MaxPilots"], values["TrustDomain"]) == (8, 100, "")
    assert str(values["Start"]) == "true"
    assert values["Attributes"] == {}


def test_names_of_attributes_may_be_written_in_any_case() -> None:
    values, wrong = object_values(ENTRY, "K", parse_ad(GOOD + "maxpilots = 5\nSTART = false"))
    assert (wrong, values["MaxPilots"], str(values["Start"])) == ([], 5, "false")


def test_an_unknown_attribute_comes_with_the_nearest_known_one() -> None:
    assert problems(GOOD + "MaxPilot = 5") == [
        "K: MaxPilot: no such attribute of an entry; did you mean MaxPilots?"
    ]


def test_nothing_is_near_a_strange_name() -> None:
    assert "known: " in problems(GOOD + "Xyzzy = 5")[0]
    assert nearest("x", []) == ""


def test_every_problem_of_an_ad_is_told_at_once() -> None:
    assert problems(
        'Site = 3\nGridResource = "x"\nMemory = 0\nWallTime = "long"\nCpus = false'
    ) == [
        "K: Site: should be a string, is 3",
        "K: Cpus: should be a whole number, is false",
        "K: Memory: is 0, should be at least 1 MiB",
        'K: WallTime: should be a whole number, is "long"',
    ]


def test_what_must_be_given_is_missed_with_its_meaning() -> None:
    assert problems('Site = "N"\nGridResource = "x"\nCpus = 1\nMemory = 1') == [
        "K: WallTime: is missing: Time the site gives one pilot."
    ]


@pytest.mark.parametrize("text", ["undefined", "Foo", "error", "1 / 0", "true", '"8"', "{ 8 }"])
def test_only_a_number_is_a_number(text: str) -> None:
    """Undefined and error are whole numbers to Python: 2 and 1."""
    wrong = problems(GOOD.replace("Cpus = 8", f"Cpus = {text}"))
    assert len(wrong) == 1
    assert wrong[0].startswith("K: Cpus: should be a whole number, is ")


def test_numbers_may_be_calculated() -> None:
    values, _ = object_values(ENTRY, "K", parse_ad(GOOD + "MaxPilots = 4 * Cpus"))
    assert values["MaxPilots"] == 32


def test_a_choice_is_one_of_the_choices() -> None:
    ad = parse_ad('Purpose = "calback"; Path = "/t"')
    _, wrong = object_values(CREDENTIAL, "K", ad)
    assert [str(one) for one in wrong] == ["K: Purpose: is 'calback'; did you mean callback?"]


def test_a_record_holds_expressions() -> None:
    values, wrong = object_values(ENTRY, "K", parse_ad(GOOD + 'Submit = [ A = 1 + 1; b = "x" ]'))
    assert wrong == []
    assert {name: str(value) for name, value in values["Submit"].items()} == {
        "A": "1 + 1",
        "b": '"x"',
    }
    assert "should be a nested ad in [ ]" in problems(GOOD + "Submit = 3")[0]


@pytest.mark.parametrize("name", ["a b", "x\\nqueue 7", "x\\ty", "1st", "a.b"])
def test_a_record_holds_attribute_names_only(name: str) -> None:
    """They become submit commands and lines of the pilot's description."""
    assert "is no attribute name" in problems(GOOD + f"Submit = [ '{name}' = 1 ]")[0]


@pytest.mark.parametrize(
    "text",
    [
        "# a comment\n" + GOOD + "\n  // another\n",
        "[\n# a comment\n" + GOOD.replace("\n", ";\n") + "]",
        "# a comment\n[ " + GOOD.replace("\n", "; ") + "]",
        GOOD.replace("\n", ";\n"),
        "   " + GOOD.replace("\n", "\n\n   "),
    ],
)
def test_old_and_new_form_with_comments_and_blank_lines(text: str) -> None:
    values, wrong = object_values(ENTRY, "K", parse_ad(text))
    assert (wrong, values["Cpus"], values["WallTime"]) == ([], 8, 3600)


def test_an_expression_goes_on_over_lines() -> None:
    text = GOOD + 'Start = TARGET.RequestCpus <= 4 &&\n  (TARGET.Project == "x"\n   || Y =?= 3)\n'
    values, wrong = object_values(ENTRY, "K", parse_ad(text + "MaxPilots = 5"))
    assert (wrong, values["MaxPilots"]) == ([], 5)
    assert "Y =?= 3" in str(values["Start"]) or "Y is 3" in str(values["Start"])


def test_a_nested_ad_goes_on_over_lines() -> None:
    text = GOOD + 'Submit = [\n  BatchQueue = "regular";\n  BatchProject = "m1"\n]\nMaxPilots = 5'
    values, wrong = object_values(ENTRY, "K", parse_ad(text))
    assert (wrong, values["MaxPilots"], sorted(values["Submit"])) == (
        [],
        5,
        ["BatchProject", "BatchQueue"],
    )


def test_brackets_and_signs_in_quotes_are_text() -> None:
    values, wrong = object_values(
        ENTRY, "K", parse_ad(GOOD.replace('"N"', r'"N [ { \" = # //"') + "MaxPilots = 5")
    )
    assert (wrong, values["Site"], values["MaxPilots"]) == ([], 'N [ { " = # //', 5)


def test_what_does_not_parse_is_shown() -> None:
    with pytest.raises(WrongValueError, match="does not parse as a ClassAd: 'Cpus = = 8'"):
        parse_ad(GOOD.replace("Cpus =", "Cpus = ="))


@pytest.mark.parametrize("text", ["", "  \n ", "# only words\n// more"])
def test_an_empty_ad_is_no_ad(text: str) -> None:
    with pytest.raises(WrongValueError, match="is empty"):
        parse_ad(text)


@pytest.mark.parametrize(
    ("knob", "text", "value"),
    [
        (NUMBER, " 7 ", 7),
        (TRUTH, "Yes", True),
        (TRUTH, "0", False),
        (Knob("K", "string", "", ""), " /a b ", "/a b"),
        (Knob("K", "names", "", ""), "A, B  C,A", ("A", "B", "C")),
    ],
)
def test_values_of_plain_knobs(knob: Knob, text: str, value: object) -> None:
    assert knob_value(knob, text) == value


@pytest.mark.parametrize(
    ("knob", "text", "words"),
    [
        (NUMBER, "many", "should be a whole number, is 'many'"),
        (NUMBER, "0", "is 0, should be at least 1 pilots"),
        (TRUTH, "maybe", "should be true or false, is 'maybe'"),
    ],
)
def test_wrong_values_of_plain_knobs(knob: Knob, text: str, words: str) -> None:
    with pytest.raises(WrongValueError, match=words):
        knob_value(knob, text)


def test_names_of_a_list_count_once() -> None:
    assert names(" A,B ,, A\n C ") == ("A", "B", "C")


def test_a_problem_says_where() -> None:
    assert str(Problem("K", "A", "is wrong")) == "K: A: is wrong"
    assert str(Problem("K", "", "is wrong")) == "K: is wrong"
