# SPDX-License-Identifier: Apache-2.0
"""What a pilot refuses before it starts anything: descriptions, files, nodes, tokens."""

import base64
import os
import time

import pytest

from tests.glidein.pilot_run import Pilot, token


@pytest.mark.parametrize("word", ["not base64!", "QUJD$(id)", "QUJ", "AAEC"])
def test_a_word_that_is_no_description_is_refused(pilot: Pilot, word: str) -> None:
    pilot.prepare()
    done = pilot.run(word)
    assert done.code == 10
    assert "the description" in done.out
    assert done.event("failed")["exit"] == 10
    assert pilot.left_behind() == []


@pytest.mark.parametrize("name", ["Collector", "Cpus", "Start", "TokenFile", "ManifestSha256"])
def test_a_missing_name_is_named(pilot: Pilot, name: str) -> None:
    pilot.prepare()
    pilot.facts[name] = "-"
    done = pilot.run()
    assert done.code == 10
    assert f"the description has no {name}" in done.out
    assert pilot.left_behind() == []


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("Cpus", "8; rm -rf /", "whole number"),
        ("MemoryMB", "-1", "whole number"),
        ("TokenFile", "../pool.token", "without a directory"),
        ("Start", "true \\", "backslash"),
        ("Attr.A b", "1", "no name<TAB>value"),
    ],
)
def test_a_wrong_value_is_named(pilot: Pilot, name: str, value: str, word: str) -> None:
    pilot.prepare()
    pilot.facts[name] = value
    done = pilot.run()
    assert done.code == 10
    assert word in done.out


def test_an_unknown_name_is_ignored_with_a_note(pilot: Pilot) -> None:
    pilot.prepare("dies")
    pilot.facts["Colour"] = "red"
    done = pilot.run()
    assert "does not know 'Colour'" in done.out


def test_an_expression_that_does_not_parse_is_refused(pilot: Pilot) -> None:
    refuse = "#!/bin/sh\ncase $* in *-ads*' ('*) echo 'Invalid constraint expression' ;; esac\n"
    pilot.prepare(condor_status=refuse)
    pilot.facts["Attr.Fast"] = " ("
    done = pilot.run()
    assert done.code == 10
    assert "Attr.Fast" in done.out


@pytest.mark.parametrize("name", ["glidein-manifest.txt", "glidein-ep.tar.gz"])
def test_a_file_that_was_changed_is_refused(pilot: Pilot, name: str) -> None:
    pilot.prepare()
    description = pilot.description
    with (pilot.home / name).open("a") as file:
        file.write("# changed\n")
    done = pilot.run(description)
    assert done.code == 11
    assert pilot.left_behind() == []


def test_a_file_that_was_not_transferred_is_named(pilot: Pilot) -> None:
    pilot.prepare()
    (pilot.home / "glidein-ep.tar.gz").unlink()
    done = pilot.run()
    assert done.code == 11
    assert "glidein-ep.tar.gz is not in" in done.out


def test_a_node_without_a_program_is_told_which(pilot: Pilot) -> None:
    pilot.prepare()
    (pilot.tools / "sha256sum").unlink()
    done = pilot.run()
    assert done.code == 20
    assert "no program 'sha256sum'" in done.out


def test_a_node_without_room_is_told_where_was_looked(pilot: Pilot) -> None:
    pilot.prepare()
    pilot.facts["DiskMB"] = "999999999"
    done = pilot.run()
    assert done.code == 21
    assert f"{pilot.base} (" in done.out


def test_a_base_with_blanks_is_passed_over(pilot: Pilot) -> None:
    pilot.prepare("dies")
    blank = pilot.base / "a b"
    blank.mkdir()
    pilot.env = {"GLIDEIN_WORK_BASE": str(blank), "TMPDIR": str(pilot.base)}
    done = pilot.run()
    assert f"working in {pilot.base}/glidein-" in done.out
    assert os.listdir(blank) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (token(lifetime_s=-10), "ran out"),
        (token(made_s=time.time() + 9000), "clock is wrong"),
        ("no token\n", "is no IDTOKEN"),
        ("", "is not in"),
    ],
)
def test_a_token_that_cannot_work_is_refused(pilot: Pilot, content: str, words: str) -> None:
    pilot.prepare()
    (pilot.home / "pool.token").write_text(content)
    done = pilot.run()
    assert done.code == 13
    assert words in done.out
    assert content.strip() == "" or content.strip() not in done.out + done.err


def test_a_damaged_bundle_is_told_from_a_foreign_one(pilot: Pilot) -> None:
    pilot.prepare(condor_version="#!/bin/sh\necho 'Exec format error' >&2\nexit 126\n")
    done = pilot.run()
    assert done.code == 12
    assert "Exec format error" in done.out


def test_too_little_time_is_refused(pilot: Pilot) -> None:
    pilot.prepare()
    pilot.env["SLURM_JOB_END_TIME"] = str(int(time.time()) + 10)
    done = pilot.run()
    assert done.code == 22


def test_nothing_of_a_description_is_evaluated(pilot: Pilot) -> None:
    pilot.prepare("waits")
    nasty = '"a;b $(touch PWNED) `touch PWNED` ${x} \\"q\\" \'c\' * \\\\n $(HOME)"'
    pilot.facts.update({"Attr.Nasty": nasty, "Site": 'N"E\\R $(SC)'})
    process = pilot.start()
    while not (pilot.work() and (pilot.work() or pilot.base).joinpath("log/EventLog").exists()):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    config = (pilot.work() or pilot.base).joinpath("condor_config").read_text()
    facts = (pilot.work() or pilot.base).joinpath("facts").read_text()
    process.terminate()
    _, err = process.communicate(timeout=20)
    assert f"Attr.Nasty\t{nasty}\n" in facts
    assert f"\nNasty = {nasty.replace('$', '$(DOLLAR)')}\n" in "\n" + config
    assert 'GLIDEIN_Site = "N\\"E\\\\R $(DOLLAR)(SC)"' in config
    assert '"site":"N\\"E\\\\R $(SC)"' in err
    assert not list(pilot.home.parent.rglob("PWNED"))


def test_a_control_character_is_refused(pilot: Pilot) -> None:
    pilot.prepare()
    text = base64.b64decode(pilot.description) + b"Attr.X\t1\r\n"
    done = pilot.run(base64.b64encode(text).decode())
    assert done.code == 10
    assert "control characters" in done.out
