# SPDX-License-Identifier: Apache-2.0
"""HTTP: connections, deadlines, repeats, and what an answer means."""

import socket
import threading
import time
import tomllib
from email.utils import formatdate
from pathlib import Path

import pytest

from condor_plugins.facility.values import NoAccess, NoNews, Rejected
from condor_plugins.facility.web import VERSION, NotTaken, Reply, Web, origin_of
from tests.facility.web_player import Heard, Said, playing, said, script

pytestmark = pytest.mark.programs


def reply(status: int, body: bytes = b"", **headers: str) -> Reply:
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def test_the_version_is_the_projects() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert project["project"]["version"] == VERSION


def test_a_request_arrives_as_it_was_meant() -> None:
    with playing(script(said({"a": 1}))) as player:
        web = Web(5.0)
        asked = web.ask(
            "POST",
            player.url + "/x//y%2Fz?a=1",
            query=[("b", "2 &3")],
            body=b"c=4",
            content_type="application/x-www-form-urlencoded",
            headers={"X-Own": "v"},
        )
    assert (asked.status, asked.json()) == (200, {"a": 1})
    one = player.heard[0]
    assert (one.method, one.path, one.query) == ("POST", "/x//y%2Fz", {"a": "1", "b": "2 &3"})
    assert (one.body, one.headers["x-own"]) == (b"c=4", "v")
    assert one.headers["user-agent"] == f"htcondor-glideins/{VERSION}"


def test_a_connection_is_used_again_but_not_for_what_must_not_go_twice() -> None:
    with playing(script(said(1))) as player:
        web = Web(5.0)
        for _ in range(3):
            web.ask("GET", player.url)
        assert player.connections == 1
        web.ask("POST", player.url, repeat=False)
        assert player.connections == 2
        web.ask("GET", player.url)
    assert (player.connections, len(player.heard)) == (2, 5)


def test_a_connection_that_died_in_the_pool_costs_nothing() -> None:
    answers = script(said(1), Said(silent=True), said(2))
    with playing(answers) as player:
        web = Web(5.0)
        web.ask("GET", player.url)
        began_s = time.monotonic()
        assert web.ask("GET", player.url).json() == 2
    assert time.monotonic() - began_s < 0.2


def test_many_threads_share_one_web() -> None:
    with playing(lambda one: said(one.path)) as player:
        web, wrong = Web(5.0, connections=3), []

        def ask(number: int) -> None:
            for turn in range(20):
                path = f"/{number}/{turn}"
                if web.ask("GET", player.url + path).json() != path:
                    wrong.append(path)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    assert (wrong, len(player.heard)) == ([], 160)


def test_a_lost_answer_is_asked_for_again_only_where_that_does_no_harm() -> None:
    with playing(script(Said(silent=True), Said(silent=True), said(3))) as player:
        assert Web(5.0).ask("GET", player.url).json() == 3
        assert len(player.heard) == 3
    with playing(script(Said(silent=True), said(2))) as player:
        with pytest.raises(NoNews) as caught:
            Web(5.0).ask("POST", player.url, repeat=False)
        assert not isinstance(caught.value, NotTaken)
        assert len(player.heard) == 1


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_passing_refusal_is_repeated(status: int) -> None:
    with playing(script(said({}, status), said(2))) as player:
        assert Web(5.0).ask("GET", player.url).json() == 2
    with playing(script(said({}, status), said(2))) as player:
        assert Web(5.0).ask("POST", player.url, repeat=False).status == status
        assert len(player.heard) == 1


def test_no_wait_that_does_not_fit_before_the_deadline() -> None:
    with playing(script(said({}, 429, Retry_After="30"), said(2))) as player:
        began_s = time.monotonic()
        asked = Web(2.0).ask("GET", player.url)
        assert (asked.status, asked.retry_after_s(), len(player.heard)) == (429, 30.0, 1)
        assert time.monotonic() - began_s < 1.0


def test_a_body_that_drips_ends_at_the_deadline() -> None:
    with playing(script(Said(b"x" * 1000, slow_s=0.05))) as player:
        began_s = time.monotonic()
        with pytest.raises(NoNews, match="in time"):
            Web(0.4).ask("GET", player.url)
        assert 0.3 < time.monotonic() - began_s < 1.5


def test_a_server_that_says_nothing_ends_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        began_s = time.monotonic()
        with pytest.raises(NoNews) as caught:
            Web(0.3).ask("GET", f"http://127.0.0.1:{deaf.getsockname()[1]}")
        assert not isinstance(caught.value, NotTaken)
        assert time.monotonic() - began_s < 1.5


def test_nobody_there_means_not_taken() -> None:
    with pytest.raises(NotTaken, match="refused"):
        Web(1.0).ask("POST", f"http://127.0.0.1:{free_port()}/", repeat=False)
    with pytest.raises(NotTaken):
        Web(1.0).ask("GET", "http://name.invalid/")


def test_tls_with_a_stranger_means_not_taken() -> None:
    with playing(script(said(1))) as player, pytest.raises(NotTaken):
        Web(1.0).ask("POST", player.url.replace("http:", "https:"), repeat=False)


def test_a_body_cut_off_is_no_answer() -> None:
    with playing(script(Said(b"[1, 2, 3]", cut=4))) as player:
        with pytest.raises(NoNews, match="cut off"):
            Web(5.0).ask("GET", player.url, repeat=False)
        assert len(player.heard) == 1


def test_a_huge_body_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("condor_plugins.facility.web.MOST_BODY_BYTES", 1000)
    with playing(script(said(1), Said(b"x" * 200_000))) as player:
        web = Web(5.0)
        web.ask("GET", player.url)
        with pytest.raises(NoNews, match="large"):
            web.ask("GET", player.url)
    assert len(player.heard) == 2


def test_redirects_stay_at_home() -> None:
    def play(one: Heard) -> Said:
        if one.path == "/old":
            return said({}, 307, Location="/new")
        if one.path == "/away":
            return said({}, 307, Location="http://localhost:1/")
        if one.path == "/round":
            return said({}, 307, Location="/round")
        return said("here")

    with playing(play) as player:
        web = Web(5.0)
        assert web.ask("GET", player.url + "/old").json() == "here"
        assert web.ask("POST", player.url + "/old").status == 307
        assert web.ask("GET", player.url + "/away").status == 307
        assert web.ask("GET", player.url + "/round").status == 307


def test_what_a_status_means() -> None:
    assert reply(204).check().status == 204
    with pytest.raises(NotTaken) as caught:
        reply(429, b"{}", retry_after="7").check()
    assert caught.value.retry_after_s == 7.0
    for status in (408, 425, 500, 502, 503, 504):
        with pytest.raises(NoNews) as news:
            reply(status).check()
        assert not isinstance(news.value, NotTaken)
    with pytest.raises(NoNews) as news:
        reply(503, b'{"detail": "Scheduled Maintenance"}').check()
    assert news.value.maintenance
    for status in (100, 302, 404, 405, 407, 421):  # a front end's, not the API's
        with pytest.raises(NoNews, match=f"HTTP {status}"):
            reply(status, b"<html>no route</html>").check()
    with pytest.raises(Rejected, match="no such job"):
        reply(404, b'{"detail": "no such job"}').check()
    for status in (401, 403):
        with pytest.raises(NoAccess):
            reply(status).check()


@pytest.mark.parametrize("where", ["http://[", "/\u00e4", "http://[::1"])
def test_a_redirect_to_nonsense_is_no_news(where: str) -> None:
    answer = said({}, 302, Location=where)
    with playing(script(answer)) as player, pytest.raises(NoNews):
        Web(5.0).ask("GET", player.url + "/x")


def test_the_time_to_wait_may_be_a_date() -> None:
    wait_s = reply(503, retry_after=formatdate(time.time() + 90, usegmt=True)).retry_after_s()
    assert 80 < wait_s <= 90
    for said_so in ("soon", "-5", "1e3", "", formatdate(0)):
        assert reply(503, retry_after=said_so).retry_after_s() == 0.0
    assert reply(503, retry_after="999999999").retry_after_s() == 86400.0


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"detail": "Not found"}', "Not found"),
        (b'{"detail": [{"loc": ["body", "job"], "msg": "missing"}]}', "body.job: missing"),
        (b'{"error": {"message": "no"}}', "no"),
        (b'{"error": "invalid_client", "error_description": "bad key"}', "bad key"),
        (b'{"title": "Bad", "status": 400, "detail": "why"}', "why"),
        (b"<html><b>Bad\ngateway</b></html>", "Bad gateway"),
        (b"\x1b[31mred\x00\xff", "[31mred �"),
        (b"[" * 100_000, "[" * 300),
        (b"x" * 5000, "x" * 300),
        (b"", ""),
    ],
)
def test_a_refusal_is_told_in_one_line(body: bytes, words: str) -> None:
    assert reply(400, body).words() == words
    with pytest.raises(Rejected) as caught:
        reply(400, body).check()
    assert str(caught.value) == f"HTTP 400 {words}".strip()


def test_what_is_no_json_is_no_news() -> None:
    for body in (b'{"a": 1', b"", b"\xff", b"[" * 100_000):
        with pytest.raises(NoNews, match="no JSON"):
            reply(200, body).json()


def test_only_http_addresses() -> None:
    assert origin_of("https://a.b/c") == ("https", "a.b", 443)
    for url in ("file:///etc/passwd", "a.b/c", "https:///x", "http://a:x/"):
        with pytest.raises(ValueError, match=r"."):
            origin_of(url)
