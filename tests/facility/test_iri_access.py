# SPDX-License-Identifier: Apache-2.0
"""What IRI's 401 and 403 mean: for one job, for one operation, or for all."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from condor_plugins.facility.iri import Iri
from condor_plugins.facility.values import Facility, NoAccess, Wanted
from tests.facility.web_player import Heard, Player, Said, playing, said

V1 = "/iri/api/v1/"
ROOT = "/pscratch/x"
FORBIDDEN = said({"detail": "not yours"}, 403)


class Site(NamedTuple):
    player: Player
    iri: Iri
    plays: dict[str, Said]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Without a bulk list; every file task ends well at once."""
    listed = said([{"id": "R", "name": "perlmutter"}])
    plays = {
        "GET compute/resources": listed,
        "GET filesystem/resources": listed,
        "POST filesystem/mkdir/R": said({"task_id": "t"}),
        "PUT filesystem/chmod/R": said({"task_id": "t"}),
        "POST filesystem/upload/R": said({"task_id": "t"}),
        "GET task/t": said({"status": "completed", "result": {"output": ""}}),
    }

    def answer(one: Heard) -> Said:
        gone = said({"detail": "gone"}, 404)
        return plays.get(f"{one.method} {one.path.removeprefix(V1)}", gone)

    secret = tmp_path / "token"
    secret.write_text("12345")
    with playing(answer) as player:
        made = Facility(
            "x",
            "iri",
            f"{player.url}/iri",
            "perlmutter",
            ROOT,
            secret=str(secret),
            timeout_s=3,
            options={"Version": "v1", "Bulk": "false"},
        )
        yield Site(player, Iri(made, tmp_path / "state"), plays)


def test_a_job_that_is_not_ours_to_cancel_stops_no_other(site: Site) -> None:
    site.plays["DELETE compute/cancel/R/1"] = FORBIDDEN
    site.plays["DELETE compute/cancel/R/2"] = Said(b"", 204)
    both = [Wanted("gl-1", "1"), Wanted("gl-2", "2")]
    assert site.iri.cancel(both) == {"gl-1": "HTTP 403 not yours", "gl-2": ""}
    site.plays["DELETE compute/cancel/R/2"] = FORBIDDEN
    with pytest.raises(NoAccess):
        site.iri.cancel(both)


def test_no_access_to_the_list_tells_nothing_of_a_name(site: Site) -> None:
    site.plays["POST compute/status/R"] = FORBIDDEN
    with pytest.raises(NoAccess):
        site.iri.states([Wanted("gl-1")])


def test_a_mode_that_may_not_be_changed_stops_no_file(site: Site) -> None:
    site.plays["PUT filesystem/chmod/R"] = FORBIDDEN
    site.iri.put(f"{ROOT}/store/a", b"a")
    assert len(site.player.asked("POST", "upload")) == 1


def test_a_refused_token_stops_the_file_and_the_mode_is_set_later(site: Site) -> None:
    chmod = site.plays["PUT filesystem/chmod/R"]
    site.plays["PUT filesystem/chmod/R"] = said({"detail": "expired"}, 401)
    with pytest.raises(NoAccess):
        site.iri.put(f"{ROOT}/store/a", b"a")
    assert site.player.asked("POST", "upload") == []
    site.plays["PUT filesystem/chmod/R"] = chmod
    before = len(site.player.asked("PUT", "chmod"))
    site.iri.put(f"{ROOT}/store/a", b"a")
    assert len(site.player.asked("PUT", "chmod")) == before + 1
