# SPDX-License-Identifier: Apache-2.0
"""Files through the Superfacility API, and nothing but ours."""

import base64
import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from condor_plugins.facility.sfapi import Sfapi
from condor_plugins.facility.values import NoNews, Rejected
from tests.facility.sfapi_service import BASE, OK, ROOT, Bench, failed, serving, task
from tests.facility.web_player import Heard, Said, said

UP, DOWN = f"{BASE}/utilities/upload/perlmutter/", f"{BASE}/utilities/download/perlmutter/"
COMMAND = "POST /utilities/command/perlmutter"
PATH = f"{ROOT}/store/a&b c#?%2F"
QUOTED = f"{ROOT}/store/a%26b%20c%23%3F%252F"


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    with serving(tmp_path, monkeypatch) as made:
        made.service.plays["PUT /utilities/upload/perlmutter/" + QUOTED] = said({
            **OK,
            "output": "",
        })
        yield made


def commands(bench: Bench) -> list[list[str]]:
    return [
        shlex.split(one.form()["executable"])
        for one in bench.player.heard
        if one.method == "POST" and "/command/" in one.path
    ]


def ran(code: int = 0, output: str = "", error: str = "", status: str = "") -> Said:
    words = {"status": status or ("error" if code else "ok"), "exit_code": code}
    return task(words | {"output": output, "error": error})


def down(bench: Bench, answer: Said) -> None:
    bench.service.plays["GET /utilities/download/perlmutter/" + QUOTED] = answer


def test_a_file_goes_up_as_one_part_of_a_form(bench: Bench) -> None:
    content = bytes(range(256)) + b"\r\n--"
    bench.nersc.put(PATH, content)
    bench.nersc.put(PATH, b"")
    first, second = bench.player.asked("PUT", UP)
    assert first.path == UP + QUOTED  # with two slashes, for the file's path is absolute
    kind, _, mark = first.headers["content-type"].partition("; boundary=")
    assert kind == "multipart/form-data"
    begin, end = f"--{mark}\r\n".encode(), f"\r\n--{mark}--\r\n".encode()
    assert first.body.startswith(begin)
    assert first.body.endswith(end)
    head, _, found = first.body.removeprefix(begin).removesuffix(end).partition(b"\r\n\r\n")
    assert found == content
    assert b'name="file"' in head
    assert b"\r\n\r\n\r\n--" in second.body
    # The directories were made once, each with its mode, from the root down.
    assert commands(bench) == [["mkdir", "-p", "-m", "0700", "--", ROOT, f"{ROOT}/store"]]


def test_a_directory_that_was_cleaned_up_is_made_again(bench: Bench) -> None:
    answers = [said(OK), failed("bash: No such file or directory"), said(OK)]
    bench.service.plays["PUT /utilities/upload/perlmutter/" + QUOTED] = lambda _: answers.pop(0)
    bench.nersc.put(PATH, b"a")
    bench.nersc.put(PATH, b"a")
    assert len(commands(bench)) == 2
    assert answers == []


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (failed("Disk quota exceeded"), Rejected),
        (failed("Permission denied"), Rejected),
        (said({"detail": "too large"}, 413), Rejected),
        (failed("something passing"), NoNews),
        (failed("No such file or directory"), NoNews),
        (said({}, 500), NoNews),
    ],
)
def test_a_failed_upload_is_told(answer: Said, kind: type[Exception], bench: Bench) -> None:
    bench.service.plays["PUT /utilities/upload/perlmutter/" + QUOTED] = answer
    with pytest.raises(kind):
        bench.nersc.put(PATH, b"a")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (ran(1, error="mkdir: cannot create: Permission denied"), Rejected),
        (ran(1, error="mkdir: Input/output error"), NoNews),
        (ran(0, error="the worker was lost", status="error"), NoNews),
        (task(None), NoNews),
        (said({}, 404), NoNews),
    ],
)
def test_without_a_directory_nothing_goes_up(
    answer: Said, kind: type[Exception], bench: Bench
) -> None:
    bench.service.plays["GET /tasks/c1"] = answer
    with pytest.raises(kind):
        bench.nersc.put(PATH, b"a")
    assert bench.player.asked("PUT", UP) == []


def test_a_command_that_does_not_end_is_no_news(bench: Bench) -> None:
    bench.service.plays["GET /tasks/c1"] = task(None, "new")
    with pytest.raises(NoNews, match="in time"):
        Sfapi(bench.facility._replace(timeout_s=0.3), bench.state_dir).remove([PATH])


def test_a_file_comes_down_whole_or_its_end(bench: Bench) -> None:
    content = bytes(range(256))
    text = base64.encodebytes(content).decode()
    down(bench, said({**OK, "file": text, "is_binary": True}))
    assert bench.nersc.get(PATH, 1000) == content
    assert bench.nersc.get(PATH, 3) == content[-3:]
    assert bench.nersc.get(PATH, 0) == b""
    asked = bench.player.asked("GET", DOWN)[0]
    assert (asked.path, asked.query) == (DOWN + QUOTED, {"binary": "true"})
    down(bench, said({**OK, "file": "text ä", "is_binary": False}))
    assert bench.nersc.get(PATH, 1000) == "text ä".encode()
    down(bench, said({**OK, "file": "a\udc80", "is_binary": False}))
    assert bench.nersc.get(PATH, 1000) == b"a?"


@pytest.mark.parametrize(
    "answer",
    [
        said({"detail": "Not found"}, 404),
        failed("cat: /x: No such file or directory"),
        failed("[Errno 2] No such file or directory: '/x'"),
    ],
)
def test_a_file_that_is_not_there(answer: Said, bench: Bench) -> None:
    down(bench, answer)
    assert bench.nersc.get(PATH, 10) is None


@pytest.mark.parametrize(
    "answer",
    [
        failed("Permission denied"),
        failed("user not found"),
        failed("ls: cannot access '/x': Permission denied"),
        Said(b"<html>no route</html>", 404),
        said({"status": "BUSY", "error": "No such file or directory"}),
        said({**OK, "file": None}),
        said({**OK, "file": "?", "is_binary": True}),
        Said(json.dumps({**OK, "file": "abcd"}).encode()[:-4]),
        said({}, 500),
    ],
)
def test_a_failed_download_is_not_an_absent_file(answer: Said, bench: Bench) -> None:
    down(bench, answer)
    with pytest.raises(NoNews):
        Sfapi(bench.facility._replace(timeout_s=0.3), bench.state_dir).get(PATH, 10)


def test_of_a_file_that_is_too_large_the_end_is_fetched(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.service.plays["GET /tasks/c1"] = ran(output=base64.b64encode(b"the end").decode() + "\n")
    down(bench, failed("file too large for a download"))
    assert bench.nersc.get(PATH, 7) == b"the end"
    down(bench, Said(b"x" * 200_000))
    monkeypatch.setattr("condor_plugins.facility.web.MOST_BODY_BYTES", 1000)
    assert bench.nersc.get(PATH, 7) == b"the end"
    assert commands(bench) == [["bash", "-c", f"tail -c 7 -- {shlex.quote(PATH)} | base64 -w0"]] * 2


def test_all_is_removed_by_one_command(bench: Bench) -> None:
    bench.nersc.remove([PATH, f"{ROOT}/jobs/-rf"])
    assert commands(bench) == [["rm", "-rf", "--", PATH, f"{ROOT}/jobs/-rf"]]
    bench.nersc.remove([])
    assert len(commands(bench)) == 1
    names = [f"{ROOT}/{number:0200}" for number in range(400)]
    bench.nersc.remove(names)
    later = commands(bench)[1:]
    assert [name for words in later for name in words[3:]] == names
    assert max(len(shlex.join(words)) for words in later) < 33_000


def test_each_directory_is_made_once_until_it_is_removed(bench: Bench) -> None:
    deep = f"{ROOT}/jobs/gl-1/out"
    for path in (f"{deep}/a", f"{ROOT}/jobs/b"):
        bench.service.plays["PUT /utilities/upload/perlmutter/" + path] = said(OK)
    made = ["mkdir", "-p", "-m", "0700", "--", ROOT]
    made += [f"{ROOT}/jobs", f"{ROOT}/jobs/gl-1", deep]
    bench.nersc.put(f"{deep}/a", b"")
    bench.nersc.put(f"{ROOT}/jobs/b", b"")
    bench.nersc.remove([f"{deep}/a", f"{ROOT}/job"])
    bench.nersc.put(f"{deep}/a", b"")
    assert [words for words in commands(bench) if words[0] == "mkdir"] == [made]
    bench.nersc.remove([f"{ROOT}/jobs/gl-1"])
    bench.nersc.put(f"{ROOT}/jobs/b", b"")
    bench.nersc.put(f"{deep}/a", b"")
    assert [words for words in commands(bench) if words[0] == "mkdir"] == [made, made]


def test_a_failed_removal_is_told(bench: Bench) -> None:
    bench.service.plays["GET /tasks/c1"] = ran(1, error="rm: cannot remove: Device busy")
    with pytest.raises(NoNews, match="busy"):
        bench.nersc.remove([PATH])
    bench.service.plays[COMMAND] = failed("closed")
    with pytest.raises(NoNews, match="closed"):
        bench.nersc.remove([PATH])


STRANGE = (
    *("/", "/etc/passwd", ROOT, f"{ROOT}/", f"{ROOT}x/a", f"{ROOT}/../y", f"{ROOT}/a/../../y"),
    *(f"{ROOT}//a", f"{ROOT}/./a", "relative", "", f"{ROOT}/a\nb", f"{ROOT}/a\0"),
)


@pytest.mark.parametrize("path", STRANGE)
def test_what_is_not_ours_is_not_touched(path: str, bench: Bench) -> None:
    def each() -> list[Any]:
        return [
            lambda: bench.nersc.put(path, b""),
            lambda: bench.nersc.get(path, 10),
            lambda: bench.nersc.remove([f"{ROOT}/good", path]),
        ]

    for work in each():
        with pytest.raises(Rejected):
            work()
    assert bench.player.heard == []


def test_files_may_go_through_another_machine(bench: Bench) -> None:
    other = bench.facility._replace(options={"StorageMachine": "dtns"})

    def absent(one: Heard) -> Said:
        return said({"detail": "Not found"}, 404)

    bench.service.plays["GET /utilities/download/dtns/" + QUOTED] = absent
    assert Sfapi(other, bench.state_dir).get(PATH, 1) is None
    assert bench.player.heard[-1].path.startswith(f"{BASE}/utilities/download/dtns//pscratch")
