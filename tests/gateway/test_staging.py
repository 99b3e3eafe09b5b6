# SPDX-License-Identifier: Apache-2.0
"""Large files go to a facility once, whoever asks and whatever breaks off."""

import hashlib
import os
import threading
from pathlib import Path

import pytest

from condor_plugins.facility.values import NoNews
from condor_plugins.gateway.ledger import Ledger
from condor_plugins.gateway.staging import Store
from condor_plugins.gateway.values import WrongJob
from tests.gateway.fake_backend import FakeBackend, facility, request

CONTENT = os.urandom(34_567)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    path = tmp_path / "glidein-ep.tar.gz"
    path.write_bytes(CONTENT)
    path.chmod(0o644)
    return str(path)


def backend() -> FakeBackend:
    return FakeBackend(facility(), lambda: 0.0)


def store(there: FakeBackend, tmp_path: Path, **changes: object) -> Store:
    return Store(there, facility(**changes), Ledger(tmp_path / "state" / "ledger.sqlite"))


def whole(there: FakeBackend) -> bytes:
    names = sorted(path for path in there.files if f"/store/{DIGEST}.part." in path)
    return b"".join(there.files[name] for name in names)


def test_chunks_are_the_file_and_are_sent_once(bundle: str, tmp_path: Path) -> None:
    there = backend()
    for _ in range(3):
        assert store(there, tmp_path).ensure([bundle]) == {bundle: DIGEST}
    assert whole(there) == CONTENT
    assert there.calls == ["get", "put", "put", "put", "put"]


def test_a_file_that_lies_there_already_is_not_sent(bundle: str, tmp_path: Path) -> None:
    there = backend()
    there.files[f"/pscratch/glidein/store/{DIGEST}"] = CONTENT
    store(there, tmp_path).ensure([bundle])
    assert there.calls == ["get"]


def test_an_upload_that_broke_off_goes_on(bundle: str, tmp_path: Path) -> None:
    there = backend()
    there.switch = lambda verb: "no-news" if there.calls.count("put") == 3 else ""
    with pytest.raises(NoNews):
        store(there, tmp_path).ensure([bundle])
    there.switch = lambda verb: ""
    there.calls.clear()
    store(there, tmp_path).ensure([bundle])
    assert there.calls == ["get", "put", "put"]
    assert whole(there) == CONTENT


def test_many_that_ask_at_once_send_it_once(bundle: str, tmp_path: Path) -> None:
    there = backend()
    stores = [store(there, tmp_path) for _ in range(3)]
    threads = [threading.Thread(target=stores[n % 3].ensure, args=([bundle],)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert there.calls.count("put") == 4
    assert whole(there) == CONTENT


def test_what_is_forgotten_is_looked_for_and_sent_again(bundle: str, tmp_path: Path) -> None:
    there, ledger = backend(), Ledger(tmp_path / "ledger.sqlite")
    made = Store(there, facility(), ledger)
    made.of_request(request("k", inputs=(bundle,)))
    there.files.clear()
    with ledger.transaction() as rows:
        made.forget(rows)
    made.of_request(request("k", inputs=(bundle,)))
    assert whole(there) == CONTENT
    assert "/pscratch/glidein/jobs/.glidein" in there.files


def test_a_changed_file_is_another_one(bundle: str, tmp_path: Path) -> None:
    there = backend()
    made = store(there, tmp_path)
    made.ensure([bundle])
    Path(bundle).write_bytes(CONTENT[::-1])
    digest = hashlib.sha256(CONTENT[::-1]).hexdigest()
    assert made.ensure([bundle]) == {bundle: digest}
    assert f"/pscratch/glidein/store/{digest}.part.000" in there.files


def test_a_file_that_changes_meanwhile_is_not_believed(bundle: str, tmp_path: Path) -> None:
    there = backend()

    def change(verb: str) -> str:
        if there.calls.count("put") == 2:
            Path(bundle).write_bytes(CONTENT[::-1])
        return ""

    there.switch = change
    made = store(there, tmp_path)
    with pytest.raises(NoNews, match="changed while it was staged"):
        made.ensure([bundle])
    digest = hashlib.sha256(CONTENT[::-1]).hexdigest()
    assert made.ensure([bundle]) == {bundle: digest}
    names = sorted(path for path in there.files if f"/store/{digest}.part." in path)
    assert b"".join(there.files[name] for name in names) == CONTENT[::-1]


def test_secrets_and_small_files_stay_out_of_the_store(bundle: str, tmp_path: Path) -> None:
    secret, small = tmp_path / "token", tmp_path / "small"
    secret.write_bytes(CONTENT)
    secret.chmod(0o600)
    small.write_bytes(b"few")
    wanted = request("k", inputs=(bundle, str(secret), str(small)))
    assert store(backend(), tmp_path).of_request(wanted) == {bundle: DIGEST}


def test_a_store_of_the_sites_own_gets_nothing(bundle: str, tmp_path: Path) -> None:
    there = backend()
    there.keeps_files = False
    made = store(there, tmp_path, site_store="/cvmfs/pilot")
    assert made.of_request(request("k", inputs=(bundle,))) == {bundle: DIGEST}
    assert there.calls == []


def test_without_any_way_for_files_nothing_is_in_a_store(bundle: str, tmp_path: Path) -> None:
    there = backend()
    there.keeps_files = False
    assert store(there, tmp_path).of_request(request("k", inputs=(bundle,))) == {}
    assert there.calls == []


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(WrongJob, match="none: No such file"):
        store(backend(), tmp_path).of_request(request("k", inputs=(f"{tmp_path}/none",)))


def test_a_path_need_not_be_text(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe")
    Path(path).write_bytes(CONTENT)
    there = backend()
    assert store(there, tmp_path).ensure([path]) == {path: DIGEST}
    assert store(there, tmp_path).ensure([path]) == {path: DIGEST}
    assert whole(there) == CONTENT


@pytest.mark.parametrize(
    "change",
    [
        {"url": "http://localhost:1"},
        {"machine": "doudna"},
        {"root": "/pscratch/other"},
        {"api": "iri"},
        {"options": {"Endpoint": "1"}},
        {"options": {"ControlEndpoint": "1"}},
        {"options": {"StorageMachine": "dtn"}},
    ],
)
def test_what_lies_at_one_place_does_not_lie_at_another(
    bundle: str, tmp_path: Path, change: dict[str, object]
) -> None:
    wanted, there = request("k", inputs=(bundle,)), backend()
    store(there, tmp_path).of_request(wanted)
    elsewhere = backend()
    store(elsewhere, tmp_path, **change).of_request(wanted)
    assert elsewhere.calls.count("put") == 5
    store(there, tmp_path).of_request(wanted)
    assert there.calls.count("put") == 5


def test_the_directory_of_jobs_is_made_anew_each_hour(tmp_path: Path) -> None:
    there, now = backend(), [1e6]
    made = Store(there, facility(), Ledger(tmp_path / "ledger.sqlite"), lambda: now[0])
    for _ in range(4):
        made.of_request(request("k"))
        now[0] += 1800.0
    assert there.calls == ["put", "put"]
