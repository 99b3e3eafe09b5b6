# SPDX-License-Identifier: Apache-2.0
"""Mistakes in a factory's tables are named before a requester trips over them."""

import pytest

from condor_plugins.core.checking_factory import factory_tables

GOOD = {
    "GLIDEIN_REQUESTERS": "[ 'glidein-ap2' = [ Entries = { \"A\" };"
    " MaxIdlePilots = 2; MaxPilots = 5 ] ]",
    "GLIDEIN_OFFERS": '[ A = [ GridResource = "batch slurm" ] ]',
}


def told(**changes: str) -> list[str]:
    return [str(one) for one in factory_tables(GOOD | changes)]


def test_good_tables_and_none_are_no_problem() -> None:
    assert told() == []
    assert list(factory_tables({})) == []


@pytest.mark.parametrize("text", ["[ a = [", "a = 3", "nonsense"])
def test_a_table_that_does_not_parse(text: str) -> None:
    assert "GLIDEIN_REQUESTERS: does not parse" in told(GLIDEIN_REQUESTERS=text)[0]
    assert "GLIDEIN_OFFERS: does not parse" in told(GLIDEIN_OFFERS=text)[0]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ('Entries = { "A" }; MaxPilots = 5', "a: lacks MaxIdlePilots"),
        ('Entries = { "A" }; MaxIdlePilots = 1; MaxPilots = "5"', "a: lacks MaxPilots"),
        ("MaxIdlePilots = 1; MaxPilots = 5", "a: lacks Entries"),
        ('Entries = { "B" }; MaxIdlePilots = 1; MaxPilots = 5', "names entry B, which GLIDEIN_OFF"),
        ("Entries = {}; MaxIdlePilots = 1; MaxPilots = 5; MaxPilot = 3", "did you mean MaxPilots?"),
    ],
)
def test_a_row_that_the_schedd_would_refuse_everything_by(row: str, words: str) -> None:
    (text,) = told(GLIDEIN_REQUESTERS=f"[ a = [ {row} ] ]")
    assert words in text


def test_an_offer_without_a_grid_resource_and_with_a_slip() -> None:
    texts = told(GLIDEIN_OFFERS='[ A = [ Walltime = 3; BatchQ = "x" ] ]')
    assert [text.partition(": ")[2] for text in texts] == [
        "A: has BatchQ, which is not looked at; did you mean BatchQueue?",
        "A: lacks GridResource: every pilot of it is refused",
    ]
