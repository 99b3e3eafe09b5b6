# SPDX-License-Identifier: Apache-2.0
"""glidein down and up: a downtime goes through the file and HTCondor's language unharmed."""

import multiprocessing
from functools import partial
from pathlib import Path

import pytest

from condor_plugins.cli.downtime_file import change, with_downtime, without_downtime
from condor_plugins.core.configuration import read_policy
from condor_plugins.core.policy import Downtime
from condor_plugins.pool.configuration import Place
from condor_plugins.pool.files import in_turn
from tests.cli.conftest import Run
from tests.cli.pretended import KNOBS, NOW_S, Pretended


def downtimes(world: Pretended) -> dict[str, Downtime]:
    return dict(read_policy(world.texts()).downtimes)


def test_down_and_up_again(glidein: Run, world: Pretended) -> None:
    said = glidein("down", "perlmutter", "--reason", "repair", "--for", "2h30m")
    assert said.code == 0
    assert said.out.startswith("Entry Perlmutter is down until 2026-11-18 13:36: repair\n")
    assert "no reconfig is needed" in said.out
    assert downtimes(world) == {"Perlmutter": Downtime("repair", NOW_S, NOW_S + 9000, "root")}
    assert glidein("up", "Perlmutter").out.startswith("Entry Perlmutter is up.")
    assert downtimes(world) == {}


@pytest.mark.parametrize(
    "reason",
    [
        "$(HOSTNAME) and $ENV(HOME)",
        "$$(Memory) $$([1+1]) $",
        'a "quoted" word and a \\',
        "]; X = 1 // \\",
        "$(DOLLAR)(X) \\044 $0441",
        "Wartung: Kühlung 修理",
        "@=end",
        "#",
        "' || true",
    ],
)
def test_any_one_line_reason_comes_back_as_it_was(
    glidein: Run, world: Pretended, reason: str
) -> None:
    assert glidein("down", "Perlmutter", "--reason", reason).code == 0
    assert downtimes(world)["Perlmutter"].reason == reason
    line = world.downtime_file.read_text().splitlines()[-1]
    assert "$" not in line
    assert not line.endswith("\\")


@pytest.mark.parametrize("reason", ["two\nlines", "tab\t", "\x1b[31m", "", "  ", "x" * 501])
def test_other_reasons_are_refused(glidein: Run, world: Pretended, reason: str) -> None:
    said = glidein("down", "Perlmutter", "--reason", reason)
    assert said.code == 2
    assert not world.downtime_file.exists()


@pytest.mark.parametrize(
    ("options", "start_s", "end_s"),
    [
        ([], NOW_S, 0),
        (["--for", "1d"], NOW_S, NOW_S + 86400),
        (["--until", "2026-12-01T08:00Z"], NOW_S, 1796112000),
        (["--from", "2026-12-01T08:00+00:00", "--for", "90"], 1796112000, 1796112090),
    ],
)
def test_times(
    glidein: Run, world: Pretended, options: list[str], start_s: int, end_s: int
) -> None:
    assert glidein("down", "Perlmutter", "--reason", "x", *options).code == 0
    found = downtimes(world)["Perlmutter"]
    assert (found.start_s, found.end_s) == (start_s, end_s)


@pytest.mark.parametrize(
    "options",
    [
        ["--until", "tomorrow"],
        ["--until", "2020-01-01"],
        ["--for", "0"],
        ["--for", "soon"],
        ["--for", "1h", "--until", "2026-12-01"],
        ["--from", "2026-12-02", "--until", "2026-12-01"],
    ],
)
def test_times_that_make_no_sense(glidein: Run, world: Pretended, options: list[str]) -> None:
    said = glidein("down", "Perlmutter", "--reason", "x", *options)
    assert said.code == 2
    assert said.err.count("\n") == 1
    assert not world.downtime_file.exists()


def test_an_unknown_name_is_told_its_nearest_name(glidein: Run) -> None:
    for command in (["down", "Perlmuter", "--reason", "x"], ["up", "Perlmuter"]):
        said = glidein(*command)
        assert said.code == 2
        assert "'Perlmuter' is neither an entry nor a site; did you mean Perlmutter?" in said.err


def test_a_site_goes_down_with_all_its_entries(glidein: Run, world: Pretended) -> None:
    world.knobs["GLIDEIN_ENTRY_HIGHMEM"] = KNOBS["GLIDEIN_ENTRY_HIGHMEM"].replace("NERSC", "Other")
    said = glidein("down", "nersc", "--reason", "cooling", "--for", "1h")
    assert said.out.startswith("Site NERSC is down until 2026-11-18 12:06: cooling\n")
    assert "GLIDEIN_DOWNTIME_NERSC = [" in world.downtime_file.read_text()
    facts = {one["name"]: one for one in glidein("entries", "--json").facts["entries"]}
    assert facts["Perlmutter"]["state"] == "down"
    assert facts["Perlmutter"]["down_site"] == "NERSC"
    assert facts["Highmem"]["state"] == "ready"
    assert "down with site NERSC: cooling" in " ".join(glidein("entries").out.split())
    assert glidein("up", "NERSC").out.startswith("Site NERSC is up.")
    assert downtimes(world) == {}


def test_an_entry_is_told_that_its_site_is_down_still(glidein: Run, world: Pretended) -> None:
    glidein("down", "NERSC", "--reason", "x")
    said = glidein("up", "Perlmutter")
    assert said.out == (
        "Entry Perlmutter is up already: it has no downtime.\n"
        "Its site NERSC has a downtime of its own: glidein up NERSC\n"
    )


def test_a_name_of_an_entry_and_a_site_means_both(glidein: Run, world: Pretended) -> None:
    world.knobs |= {
        "GLIDEIN_ENTRY_NAMES": "Perlmutter Highmem nersc",
        "GLIDEIN_ENTRY_NERSC": KNOBS["GLIDEIN_ENTRY_HIGHMEM"].replace("NERSC", "Else"),
    }
    said = glidein("down", "NERSC", "--reason", "x")
    assert said.out.startswith("Entry and site nersc is down until glidein up nersc: x\n")
    facts = glidein("entries", "--json").facts["entries"]
    assert {one["name"]: one["state"] for one in facts} == {
        "Perlmutter": "down",
        "Highmem": "down",
        "nersc": "down",
    }
    assert glidein("up", "Nersc", "--json").facts == {
        "schema": 1,
        "entry": "nersc",
        "site": "NERSC",
        "file": str(world.downtime_file),
        "changed": True,
    }
    assert downtimes(world) == {}


@pytest.mark.parametrize(("name", "knob"), [("T2-US", "T2-US"), ("file", "FILE")])
def test_a_site_whose_name_makes_no_knob(
    glidein: Run, world: Pretended, name: str, knob: str
) -> None:
    world.knobs["GLIDEIN_ENTRY_HIGHMEM"] = KNOBS["GLIDEIN_ENTRY_HIGHMEM"].replace("NERSC", knob)
    said = glidein("down", name, "--reason", "x")
    assert said.code == 2
    assert f"GLIDEIN_DOWNTIME_{knob} can be no knob: put the entries of site {knob}" in said.err


def test_a_downtime_that_comes_back(glidein: Run, world: Pretended) -> None:
    again = ["down", "Perlmutter", "--reason", "weekly", "--for", "4h", "--every", "7d"]
    said = glidein(*again, "--from", "2026-11-16T08:00Z")
    assert said.out.startswith(
        "Entry Perlmutter is down from 2026-11-23 08:00 until 2026-11-23 12:00"
        ", and again every 7 d: weekly\n"
    )
    assert downtimes(world)["Perlmutter"].every_s == 7 * 86400
    facts = glidein("entries", "--json").facts["entries"][0]
    assert (facts["state"], facts["down_from_s"]) == ("ready", 1795420800)
    assert (facts["down_until_s"], facts["down_every_s"]) == (1795435200, 7 * 86400)
    told = " ".join(glidein("entries").out.split())
    assert "08:00 until 2026-11-23 12:00, every 7 d" in told
    before = world.downtime_file.read_text()
    assert glidein(*again, "--from", "2026-11-16T08:00Z").code == 0
    assert world.downtime_file.read_text() == before
    glidein("down", "Perlmutter", "--reason", "weekly", "--for", "4h")
    assert downtimes(world)["Perlmutter"].every_s == 0


@pytest.mark.parametrize(
    "options",
    [
        ["--every", "7d"],
        ["--every", "4h", "--for", "4h"],
        ["--every", "0", "--for", "4h"],
        ["--every", "often", "--for", "4h"],
    ],
)
def test_turns_that_make_no_sense(glidein: Run, world: Pretended, options: list[str]) -> None:
    said = glidein("down", "Perlmutter", "--reason", "x", *options)
    assert said.code == 2
    assert said.err.count("\n") == 1
    assert not world.downtime_file.exists()


def test_an_entry_that_cannot_be_used_needs_no_downtime(glidein: Run, world: Pretended) -> None:
    world.knobs["GLIDEIN_ENTRY_PERLMUTTER"] = "Cpus = 1"
    said = glidein("down", "Perlmutter", "--reason", "x")
    assert said.code == 78
    assert "see glidein check" in said.err
    assert not world.downtime_file.exists()


def test_the_same_again_changes_nothing(glidein: Run, world: Pretended) -> None:
    again = ["down", "Perlmutter", "--reason", "x", "--until", "2026-12-01"]
    glidein(*again)
    before = world.downtime_file.stat().st_mtime_ns
    assert glidein(*again).code == 0
    assert world.downtime_file.stat().st_mtime_ns == before
    glidein("down", "Perlmutter", "--reason", "y")
    assert world.downtime_file.read_text().count("GLIDEIN_DOWNTIME_") == 1
    assert downtimes(world)["Perlmutter"].reason == "y"


def test_up_of_an_entry_that_is_up(glidein: Run, world: Pretended) -> None:
    said = glidein("up", "Perlmutter")
    assert (said.code, said.out) == (0, "Entry Perlmutter is up already: it has no downtime.\n")
    assert glidein("up", "Perlmutter", "--json").facts["changed"] is False


def test_a_file_that_htcondor_does_not_read_is_no_downtime(glidein: Run, world: Pretended) -> None:
    world.reads_drop_ins = False
    said = glidein("down", "Perlmutter", "--reason", "x")
    assert said.code == 78
    assert "HTCondor does not read it or a later file overrides it" in said.err


def test_a_downtime_in_another_file_is_named(glidein: Run, world: Pretended) -> None:
    world.knobs["GLIDEIN_DOWNTIME_PERLMUTTER"] = '[ Reason = "x" ]'
    world.known_places = {"GLIDEIN_DOWNTIME_PERLMUTTER": Place("/etc/95-site.conf", 3)}
    world.downtime_file.touch()
    said = glidein("up", "Perlmutter")
    assert said.code == 78
    assert "is written in /etc/95-site.conf, line 3: take it out there" in said.err


def test_a_directory_that_is_not_there(glidein: Run, world: Pretended) -> None:
    world.knobs["GLIDEIN_DOWNTIME_FILE"] = "/nowhere/at/all.conf"
    said = glidein("down", "Perlmutter", "--reason", "x")
    assert said.code == 78
    assert said.err == "glidein: /nowhere/at: No such file or directory\n"


def test_lines_of_others_stay() -> None:
    text = (
        "# mine\nX = 1\nGLIDEIN_DOWNTIME_AB = [ ]\nglidein_downtime_a @=end\n Reason = 1\n@end\nY"
    )
    assert without_downtime(text, "A") == "# mine\nX = 1\nGLIDEIN_DOWNTIME_AB = [ ]\nY\n"
    continued = "GLIDEIN_DOWNTIME_A = [ \\\n Reason = 1; \\\n ]\nY\n"
    assert without_downtime(continued, "A") == "Y\n"


def add_twenty(path: Path, worker: int) -> None:
    for number in range(20):
        downtime = Downtime("x", 0, 0, "me")
        change(path, 20, partial(with_downtime, name=f"E{worker}_{number}", downtime=downtime))


def test_writers_at_once_do_not_lose_a_line(tmp_path: Path) -> None:
    path = tmp_path / "downtimes.conf"
    fork = multiprocessing.get_context("spawn")
    writers = [fork.Process(target=add_twenty, args=(path, number)) for number in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert path.read_text().count("\nGLIDEIN_DOWNTIME_") == 60
    assert [found.name for found in tmp_path.iterdir()] == ["downtimes.conf"]


def test_a_writer_that_never_ends_is_not_waited_for(glidein: Run, world: Pretended) -> None:
    with in_turn(world.directory, 1):
        said = glidein("down", "Perlmutter", "--reason", "x")
    assert said.code == 75
    assert "another process is writing" in said.err
