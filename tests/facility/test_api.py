# SPDX-License-Identifier: Apache-2.0
"""A service asked with a token: where the token goes, and what a refused one costs."""

import pytest

from condor_plugins.facility.api import Api
from condor_plugins.facility.values import NoAccess, NoNews, Rejected
from condor_plugins.facility.web import NotTaken, Web
from tests.facility.web_player import Heard, Play, Said, playing, said


class Given:
    """Tokens in turn; counts what was dropped."""

    def __init__(self, *values: str) -> None:
        self.values = list(values)
        self.dropped: list[str] = []

    def token(self) -> str:
        return self.values[0]

    def drop(self, value: str) -> None:
        self.dropped.append(value)
        self.values.remove(value)


def only(token: str, status: int = 401) -> Play:
    def play(one: Heard) -> Said:
        good = one.headers.get("authorization") == f"Bearer {token}"
        return said({"ok": True}) if good else said({"detail": "no"}, status)

    return play


def test_the_token_is_sent_and_paths_are_joined() -> None:
    with playing(only("a")) as player:
        for base in (player.url + "/api/v1", player.url + "/api/v1/"):
            for path in ("/x//y", "x//y"):
                assert Api(Web(5.0), base, Given("a")).ask("GET", path).status == 200
    assert {one.path for one in player.heard} == {"/api/v1/x//y"}


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_is_replaced_once_even_for_what_must_not_go_twice(status: int) -> None:
    tokens = Given("old", "new")
    with playing(only("new", status)) as player:
        reply = Api(Web(5.0), player.url, tokens).ask("POST", "/x", body=b"b", repeat=False)
    assert (reply.status, tokens.dropped, len(player.heard)) == (200, ["old"], 2)
    assert [one.body for one in player.heard] == [b"b", b"b"]


def test_a_second_refusal_is_the_answer() -> None:
    tokens = Given("old", "older", "oldest")
    with playing(only("new")) as player:
        reply = Api(Web(5.0), player.url, tokens).ask("GET", "/x")
    assert (reply.status, len(player.heard)) == (401, 2)
    with pytest.raises(Rejected, match="401 no"):
        reply.check()


def test_the_token_does_not_leave_its_origin() -> None:
    with playing(lambda one: said({})) as home, playing(lambda one: said({})) as other:
        api = Api(Web(5.0), home.url + "/api", Given("a"))
        api.ask("GET", "/x", base=other.url + "/api")
        api.ask("GET", "/x", base=home.url + "/other")
    assert "authorization" not in other.heard[0].headers
    assert home.heard[0].headers["authorization"] == "Bearer a"
    assert (home.heard[0].path, other.heard[0].path) == ("/other/x", "/api/x")


def test_without_tokens_no_header() -> None:
    with playing(lambda one: said({}, 401)) as player:
        assert Api(Web(5.0), player.url, None).ask("GET", "/status").status == 401
    assert ["authorization" in one.headers for one in player.heard] == [False]


@pytest.mark.parametrize("token", ["a b", "a\r\nX: y", "", "ä"])
def test_a_token_that_is_none_is_not_shown(token: str) -> None:
    with playing(lambda one: said({})) as player, pytest.raises(NoAccess) as caught:
        Api(Web(5.0), player.url, Given(token)).ask("GET", "/x")
    assert not token or token not in str(caught.value)
    assert player.heard == []


def test_no_token_no_request() -> None:
    class Dry(Given):
        def token(self) -> str:
            raise NoNews("the token service is closed")

    with playing(lambda one: said({})) as player, pytest.raises(NotTaken, match="closed"):
        Api(Web(5.0), player.url, Dry()).ask("GET", "/x")
    assert player.heard == []
