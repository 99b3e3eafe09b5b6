# SPDX-License-Identifier: Apache-2.0
"""The protocol's lines, as the gridmanager reads and writes them."""

import classad2
import htcondor2  # noqa: F401 (before classad2 evaluates anything)
import pytest
from hypothesis import given
from hypothesis import strategies as st

from condor_plugins.gateway import gahp
from condor_plugins.gateway.gahp import Lines, Request
from condor_plugins.gateway.values import Answer

WORDS = st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=6)
# What the gridmanager asserts (gahp-client.cpp): words of a result, request id included.
FIELDS = {
    "BLAH_PING": 3,
    "BLAH_JOB_SUBMIT": 4,
    "BLAH_JOB_STATUS": 5,
    "BLAH_JOB_CANCEL": 3,
    "BLAH_JOB_REFRESH_PROXY": 3,
    "BLAH_JOB_HOLD": 3,
    "BLAH_JOB_RESUME": 3,
}


def read_argv(line: str) -> list[str]:
    """Words by the gridmanager's own rules (GahpServer::read_argv), written down once more."""
    words, word, escaped = [], "", False
    for sign in f"{line}\n":
        if escaped:
            word, escaped = word + sign, False
        elif sign == "\\":
            escaped = True
        elif sign in " \n":
            words.append(word)
            word = ""
        elif sign != "\r":
            word += sign
    return words


@given(WORDS)
def test_words_survive_the_wire(words: list[str]) -> None:
    line = gahp.line(*words)
    assert read_argv(line) == words
    assert gahp.split(line) == words


@given(WORDS, st.integers(1, 5))
def test_lines_are_cut_where_they_end_and_nowhere_else(words: list[str], step: int) -> None:
    """An escaped line feed is no end, wherever the pipe happens to cut the bytes."""
    wire = f"{gahp.line(*words)}\r\n{gahp.line('next')}\r\n".encode()
    lines = Lines()
    pieces = [wire[begin : begin + step] for begin in range(0, len(wire), step)]
    found = [gahp.split(line) for piece in pieces for line in lines.feed(piece)]
    assert found == [words, ["next"]]


def test_bytes_that_are_no_text_pass_unchanged() -> None:
    (line,) = Lines().feed(b"BLAH_JOB_STATUS 3 a\xff\xfe\n")
    assert gahp.split(line)[2].encode("utf-8", "surrogateescape") == b"a\xff\xfe"


@pytest.mark.parametrize("verb", FIELDS)
@pytest.mark.parametrize("why", ["", " ", "two words", "a\nb\r\nc", "\\", "x" * 5000, "ü\0\x1b["])
def test_every_error_has_the_number_of_words_that_is_asserted(verb: str, why: str) -> None:
    words = read_argv(gahp.failed(Request(verb, 7, ("x",)), why))
    assert len(words) == FIELDS[verb]
    assert words[0] == "7"
    assert words[1] != "0"
    assert 0 < len(words[2]) <= 1000
    assert words[2].isprintable()


def test_every_success_has_the_number_of_words_that_is_asserted() -> None:
    assert len(read_argv(gahp.submitted(1, "nersc/20261121/5"))) == FIELDS["BLAH_JOB_SUBMIT"]
    assert len(read_argv(gahp.done(1))) == FIELDS["BLAH_PING"]
    ad = gahp.status_ad("5", Answer(5, {"HoldReason": 'a "b" \\ c\nd'}))
    words = read_argv(gahp.status(1, ad, 5))
    assert len(words) == FIELDS["BLAH_JOB_STATUS"]
    assert words[3] == "5"


def test_no_command_that_has_a_result_is_refused_at_once() -> None:
    """Anything but S for one ends the gridmanager ("Bad … Request")."""
    damaged = gahp.request(["BLAH_JOB_SUBMIT", "4"])
    assert damaged
    assert damaged.damaged
    assert gahp.request(["blah_job_cancel", "4", "x/1/2"]) == ("BLAH_JOB_CANCEL", 4, ("x/1/2",))
    assert gahp.request(["BLAH_JOB_STATUS", "x", "a/1/2"]) is None
    assert gahp.request(["BLAH_JOB_STATUS", "²", "a/1/2"]) is None
    assert gahp.request(["BLAH_GET_HOSTPORT", "1"]) is None


@given(st.text(max_size=3000), st.booleans(), st.integers(-5, 2**40))
def test_a_status_is_a_classad_in_one_short_line(text: str, truth: bool, number: int) -> None:
    values: dict[str, str | int | float | bool] = {"ExitReason": text, "ExitBySignal": truth}
    ad = gahp.status_ad("job-1", Answer(4, values | {"ExitCode": number, "More": text}))
    assert len(f"0{ad}\n".encode()) < 1024
    assert "\n" not in ad
    read = classad2.ClassAd(ad)
    assert (read["BatchJobId"], read["JobStatus"]) == ("job-1", 4)
    assert (read["ExitBySignal"], read["ExitCode"]) == (truth, number)


def test_what_does_not_fit_into_a_status_is_left_out_whole() -> None:
    long: dict[str, str | int | float | bool] = {f"A{n}": "x" * 390 for n in range(4)}
    ad = gahp.status_ad("1", Answer(4, long | {"ExitCode": 3}))
    read = classad2.ClassAd(ad)
    assert sorted(read) == ["A0", "A1", "BatchJobId", "ExitCode", "JobStatus"]


def test_numbers_that_a_classad_cannot_write_are_undefined() -> None:
    read = classad2.ClassAd(gahp.status_ad("1", Answer(2, {"A": float("nan"), "B": 1.5})))
    assert read.get("A") is classad2.Value.Undefined
    assert read["B"] == 1.5


@pytest.mark.parametrize(
    ("verb", "word", "batch_type"),
    [
        ("BLAH_PING", "NERSC", "nersc"),
        ("BLAH_JOB_STATUS", "nersc/20261121/3095452.polaris-pbs-01", "nersc"),
        ("BLAH_JOB_CANCEL", "nersc/20261121/7", "nersc"),
        ("BLAH_JOB_CANCEL", "7", ""),
        ("BLAH_JOB_SUBMIT", '[ Cmd = "/x"; gridtype = "nersc" ]', "nersc"),
        ("BLAH_JOB_SUBMIT", '[ GridType="NERSC" ]', "nersc"),
        ("BLAH_JOB_SUBMIT", '[ A = "gridtype = \\"evil\\""; gridtype = "nersc" ]', "nersc"),
        ("BLAH_JOB_SUBMIT", '[ A = "gridtype = "; B = "evil"; gridtype = "nersc" ]', "nersc"),
        ("BLAH_JOB_SUBMIT", '[ Cmd = "/x" ]', ""),
        ("BLAH_JOB_SUBMIT", "", ""),
    ],
)
def test_each_command_says_which_facility_it_is_for(verb: str, word: str, batch_type: str) -> None:
    assert gahp.batch_type(Request(verb, 1, (word,))) == batch_type


def test_a_handle_is_what_follows_the_last_slash() -> None:
    assert gahp.handle_of("nersc/20261121/gl-1-2") == ("nersc", "gl-1-2")
    assert gahp.handle_of("20261121/gl-1-2") == ("", "gl-1-2")
    assert gahp.handle_of("gl-1-2") == ("", "gl-1-2")
