# SPDX-License-Identifier: Apache-2.0
"""One token for many threads and processes; its file is nobody else's."""

import json
import multiprocessing
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from condor_plugins.facility import tokens
from condor_plugins.facility.tokens import Token, TokenCache
from condor_plugins.facility.values import NoNews, Rejected


class Issuer:
    """Gives t1, t2, …, each good for 100 s; `fails` is raised instead."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.fetched = 0
        self.fails: Exception | None = None

    def __call__(self) -> Token:
        if self.fails:
            raise self.fails
        self.fetched += 1
        return Token(f"t{self.fetched}", self.now_s, self.now_s + 100)

    def clock(self) -> float:
        return self.now_s


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "token"


@pytest.fixture
def cache(issuer: Issuer, path: Path) -> Callable[[], TokenCache]:
    """Each call stands for another process."""
    return lambda: TokenCache(lambda: path, issuer, issuer.clock)


def test_one_fetch_serves_all(cache: Callable[[], TokenCache], issuer: Issuer, path: Path) -> None:
    first = cache()
    assert [first.token(), first.token(), cache().token()] == ["t1"] * 3
    assert issuer.fetched == 1
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_it_is_renewed_at_four_fifths_of_its_life(
    cache: Callable[[], TokenCache], issuer: Issuer
) -> None:
    mine, other = cache(), cache()
    mine.token()
    issuer.now_s += 79
    assert mine.token() == "t1"
    issuer.now_s += 2
    assert (mine.token(), other.token(), issuer.fetched) == ("t2", "t2", 2)


def test_an_old_token_serves_while_no_new_one_is_to_be_had(
    cache: Callable[[], TokenCache], issuer: Issuer
) -> None:
    mine = cache()
    mine.token()
    issuer.fails = NoNews("closed")
    issuer.now_s += 85
    assert (mine.token(), cache().token()) == ("t1", "t1")
    issuer.now_s += 10
    with pytest.raises(NoNews, match="closed"):
        mine.token()
    issuer.fails = None
    with pytest.raises(NoNews, match="closed"):  # the service is left in peace for a while
        mine.token()
    issuer.now_s += 21
    assert mine.token() == "t2"


def test_a_failed_fetch_is_not_repeated_before_the_service_wants_it(
    cache: Callable[[], TokenCache], issuer: Issuer
) -> None:
    mine = cache()
    asked: list[float] = []

    def fails() -> Token:
        asked.append(issuer.now_s)
        raise NoNews("busy", 100.0)

    mine._fetch = fails
    for _ in range(11):
        with pytest.raises(NoNews, match="busy"):
            mine.token()
        issuer.now_s += 20
    assert asked == [1000.0, 1100.0, 1200.0]


def test_the_pause_ends_with_the_token_that_made_it_bearable(
    cache: Callable[[], TokenCache], issuer: Issuer
) -> None:
    mine = cache()
    assert mine.token() == "t1"
    issuer.now_s += 85
    issuer.fails = NoNews("closed")
    assert mine.token() == "t1"
    issuer.fails = None
    mine.drop("t0")  # an older one tells nothing of this one
    assert mine.token() == "t1"
    mine.drop("t1")
    assert mine.token() == "t2"


def test_one_token_ends_one_pause(cache: Callable[[], TokenCache], issuer: Issuer) -> None:
    mine = cache()
    assert mine.token() == "t1"
    issuer.now_s += 85
    issuer.fails = NoNews("closed")
    assert mine.token() == "t1"
    for _ in range(2):
        mine.drop("t1")
        with pytest.raises(NoNews, match="closed"):
            mine.token()
        issuer.fails = None


def test_a_pause_that_the_service_asked_for_is_kept(
    cache: Callable[[], TokenCache], issuer: Issuer
) -> None:
    mine = cache()
    assert mine.token() == "t1"
    issuer.now_s += 85
    issuer.fails = NoNews("busy", 100.0)
    assert mine.token() == "t1"
    issuer.fails = None
    mine.drop("t1")
    with pytest.raises(NoNews, match="busy"):
        mine.token()
    issuer.now_s += 101
    assert mine.token() == "t2"


def test_no_pause_is_longer_than_five_minutes(
    cache: Callable[[], TokenCache], issuer: Issuer
) -> None:
    mine = cache()
    issuer.fails = NoNews("busy", 86400.0)
    with pytest.raises(NoNews):
        mine.token()
    issuer.fails = None
    issuer.now_s += 299
    with pytest.raises(NoNews, match="busy"):
        mine.token()
    issuer.now_s += 2
    assert mine.token() == "t1"


def test_another_login_has_another_token(issuer: Issuer, tmp_path: Path) -> None:
    name = ["token-a"]
    mine = TokenCache(lambda: tmp_path / name[0], issuer, issuer.clock)
    assert (mine.token(), mine.token()) == ("t1", "t1")
    os.utime(tmp_path / "token-a", (1, 1))
    name[0] = "token-b"
    assert mine.token() == "t2"
    assert not (tmp_path / "token-a").exists()


def test_the_old_token_serves_while_another_process_fetches(
    cache: Callable[[], TokenCache], issuer: Issuer, path: Path
) -> None:
    mine = cache()
    mine._longest_s = 0.05
    assert mine.token() == "t1"
    issuer.now_s += 85
    with tokens._lock_of(path, 1.0):
        assert mine.token() == "t1"


def test_a_refused_key_is_told(cache: Callable[[], TokenCache], issuer: Issuer) -> None:
    mine = cache()
    mine.token()
    issuer.fails = Rejected("invalid_client")
    issuer.now_s += 85
    with pytest.raises(Rejected, match="invalid_client"):
        mine.token()


def test_a_dropped_token_is_fetched_anew_once(
    cache: Callable[[], TokenCache], issuer: Issuer
) -> None:
    mine, other = cache(), cache()
    assert mine.token() == other.token() == "t1"
    mine.drop("t1")
    assert mine.token() == "t2"
    mine.drop("t1")  # a thread that was slow to learn it
    assert mine.token() == "t2"
    other.drop("t1")  # finds what the first has fetched
    assert (other.token(), issuer.fetched) == ("t2", 2)


def test_a_clock_that_was_set_back_does_not_keep_a_token(
    cache: Callable[[], TokenCache], issuer: Issuer
) -> None:
    mine = cache()
    mine.token()
    issuer.now_s -= 500
    assert mine.token() == "t2"


@pytest.mark.parametrize("content", ["", "{", "[1]", '["a", "b", "c"]', "null", '{"a": 1}'])
def test_a_broken_file_is_no_token(
    cache: Callable[[], TokenCache], path: Path, content: str
) -> None:
    path.parent.mkdir()
    path.touch(0o600)
    path.write_text(content)
    assert cache().token() == "t1"
    assert json.loads(path.read_text())[0] == "t1"


def test_a_file_that_others_may_read_or_a_link_is_not_believed(
    cache: Callable[[], TokenCache], path: Path, tmp_path: Path
) -> None:
    path.parent.mkdir()
    planted = json.dumps(["planted", 990, 5000])
    path.write_text(planted)
    path.chmod(0o644)
    assert cache().token() == "t1"
    assert path.stat().st_mode & 0o777 == 0o600
    elsewhere = tmp_path / "elsewhere"
    elsewhere.touch(0o600)
    elsewhere.write_text(planted)
    path.unlink()
    path.symlink_to(elsewhere)
    assert cache().token() == "t2"
    assert elsewhere.read_text() == planted


def test_a_thread_waits_for_the_one_that_fetches(path: Path) -> None:
    began, go, fetched = threading.Event(), threading.Event(), []

    def fetch() -> Token:
        began.set()
        assert go.wait(10)
        fetched.append(1)
        return Token("one", 1000, 1100)

    caches = [TokenCache(lambda: path, fetch, lambda: 1001.0) for _ in range(2)]
    got: list[str] = []
    threads = [
        threading.Thread(target=lambda one=one: got.append(one.token())) for one in caches * 2
    ]
    for one in threads:
        one.start()
    assert began.wait(10)
    go.set()
    for one in threads:
        one.join()
    assert (got, fetched) == (["one"] * 4, [1])


def _fetch_in_a_process(path: Path, count: Path) -> None:
    def fetch() -> Token:
        with count.open("a") as stream:
            stream.write(".")
        return Token(f"by{os.getpid()}", 1000, 1100)

    assert TokenCache(lambda: path, fetch, lambda: 1001.0).token().startswith("by")


def test_of_many_processes_one_fetches(path: Path, tmp_path: Path) -> None:
    count = tmp_path / "count"
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_fetch_in_a_process, args=(path, count)) for _ in range(4)]
    for one in processes:
        one.start()
    for one in processes:
        one.join(30)
    assert [one.exitcode for one in processes] == [0] * 4
    assert count.read_text() == "."


def test_one_that_never_ends_its_fetch_stops_nobody(
    path: Path,
) -> None:
    second = TokenCache(lambda: path, lambda: Token("other", 1000, 1100), lambda: 1001.0, 0.1)
    heard: list[str] = []

    def fetch() -> Token:
        with pytest.raises(NoNews, match="does not end") as caught:
            second.token()
        heard.append(caught.value.reason)
        return Token("one", 1000, 1100)

    assert TokenCache(lambda: path, fetch, lambda: 1001.0).token() == "one"
    assert heard
