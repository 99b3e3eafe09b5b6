# SPDX-License-Identifier: Apache-2.0
"""Login at the Superfacility API: forms of the key's file, the statement, the token's answer."""

import base64
import builtins
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from condor_plugins.facility.sfapi_login import Client, assertion, client_of, fetched
from condor_plugins.facility.values import Facility, NoAccess, NoNews, Rejected
from condor_plugins.facility.web import NotTaken, Web
from tests.facility.standins import Key, make_key
from tests.facility.web_player import Heard, Play, Said, playing, said, script
from tests.testbed.facility.keys import parts, public_key

CLIENT_ID = "abcdefghijklm"
URL = "https://oidc.example.org/c2id/token"


@pytest.fixture(scope="module")
def key() -> Key:
    return make_key()


def jwk_of(key: Key) -> dict[str, str]:
    found = serialization.load_pem_private_key(key.private_pem.encode(), None)
    assert isinstance(found, rsa.RSAPrivateKey)
    private = found.private_numbers()
    numbers = {
        "n": private.public_numbers.n,
        "e": private.public_numbers.e,
        "d": private.d,
        "p": private.p,
        "q": private.q,
        "dp": private.dmp1,
        "dq": private.dmq1,
        "qi": private.iqmp,
    }
    return {"kty": "RSA"} | {name: text_of(number) for name, number in numbers.items()}


def text_of(number: int) -> str:
    content = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def facility(path: Path, content: str, client_id: str = "", token_url: str = URL) -> Facility:
    path.write_text(content)
    path.chmod(0o600)
    return Facility(
        "nersc",
        "sfapi",
        "https://api.example.org",
        "perlmutter",
        "/pscratch/x",
        secret=str(path),
        client_id=client_id,
        token_url=token_url,
    )


def forms(key: Key) -> Mapping[str, tuple[str, str]]:
    """What stands in the file, and the client id of the configuration."""
    jwk = jwk_of(key)
    return {
        "PEM with the id": (f"{CLIENT_ID}\n\n{key.private_pem}", ""),
        "PEM alone": (key.private_pem, CLIENT_ID),
        "PEM with the id wins": (f"{CLIENT_ID}\n{key.private_pem}", "configured"),
        "JSON": (json.dumps({"client_id": CLIENT_ID, "secret": jwk}), ""),
        "JSON with text": (json.dumps({"client_id": CLIENT_ID, "secret": json.dumps(jwk)}), ""),
        "JSON with PEM": (json.dumps({"client_id": CLIENT_ID, "secret": key.private_pem}), ""),
        "JWK": (json.dumps(jwk), CLIENT_ID),
    }


FORMS = (
    *("PEM with the id", "PEM alone", "PEM with the id wins", "JSON", "JSON with text"),
    *("JSON with PEM", "JWK"),
)


@pytest.mark.parametrize("signer", ["cryptography", "openssl"])
@pytest.mark.parametrize("form", FORMS)
def test_each_form_of_the_key_signs(
    form: str, signer: str, key: Key, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, client_id = forms(key)[form]
    client = client_of(facility(tmp_path / "key", content, client_id))
    if signer == "openssl":
        without_cryptography(monkeypatch)
    header, claims, signed, signature = parts(assertion(client, URL, 1000.7))
    assert public_key(key.public_pem).verifies(signed, signature)
    assert header == {"typ": "JWT", "alg": "RS256"}
    assert len(claims.pop("jti")) > 20
    assert claims == {"iss": CLIENT_ID, "sub": CLIENT_ID, "aud": URL, "iat": 1000, "exp": 1300}


def without_cryptography(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def importing(name: str, *words: Any) -> Any:
        if name.startswith("cryptography"):
            raise ImportError(name)
        return real(name, *words)

    monkeypatch.setattr(builtins, "__import__", importing)


BROKEN = {
    "empty": "",
    "no key": "hello\n",
    "two lines": "{",
    "no JWK": '{"client_id": "abc", "secret": 5}',
    "half a JWK": '{"client_id": "abc", "secret": {"n": "AQAB", "e": "AQAB"}}',
    "bad numbers": json.dumps(dict.fromkeys(("n", "e", "d", "p", "q", "dp", "dq", "qi"), "ä?")),
    "nothing secret": '{"client_id": "abc", "secret": "s3cr3t-word"}',
    "bad id": "a;c\n-----BEGIN PRIVATE KEY-----\nx\n",
    "no id": "-----BEGIN PRIVATE KEY-----\nx\n",
    "binary": "\udcff",
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_refused_without_its_words(content: str, tmp_path: Path) -> None:
    path = tmp_path / "key"
    where = facility(path, "")
    path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(NoAccess) as caught:
        client_of(where)
    assert "s3cr3t" not in str(caught.value)
    assert caught.value.__cause__ is None or isinstance(caught.value.__cause__, OSError)


@pytest.mark.parametrize("signer", ["cryptography", "openssl"])
def test_a_key_that_cannot_sign_is_refused(signer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if signer == "openssl":
        without_cryptography(monkeypatch)
    rubbish = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
    with pytest.raises(Rejected, match="cannot be read"):
        assertion(Client(CLIENT_ID, rubbish), URL, 0)


def test_a_key_of_another_kind_is_refused() -> None:
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with pytest.raises(NoAccess, match="no RSA key"):
        assertion(Client(CLIENT_ID, pem), URL, 0)


def test_a_key_that_everybody_reads_is_refused(key: Key, tmp_path: Path) -> None:
    where = facility(tmp_path / "key", f"{CLIENT_ID}\n{key.private_pem}")
    (tmp_path / "key").chmod(0o604)
    with pytest.raises(Rejected, match="everybody"):
        client_of(where)
    with pytest.raises(Rejected, match="No such file"):
        client_of(where._replace(secret=str(tmp_path / "none")))
    with pytest.raises(Rejected, match="no credential"):
        client_of(where._replace(secret=""))


def test_a_client_does_not_show_its_key(key: Key) -> None:
    assert "PRIVATE" not in repr(Client(CLIENT_ID, key.private_pem.encode()))


def login(key: Key, tmp_path: Path, play: Play) -> tuple[Any, list[Heard]]:
    with playing(play) as player:
        where = facility(
            tmp_path / "key",
            f"{CLIENT_ID}\n{key.private_pem}",
            token_url=player.url + "/c2id/token",
        )
        try:
            return fetched(Web(5.0), where), player.heard
        except (NoNews, Rejected) as err:
            return err, player.heard


def test_a_token_is_asked_for_as_the_service_wants_it(key: Key, tmp_path: Path) -> None:
    answer = {"access_token": "t", "scope": "s", "token_type": "Bearer", "expires_in": 600}
    began_s = time.time()
    token, heard = login(key, tmp_path, script(said(answer)))
    assert (token.value, token.expires_s - token.made_s) == ("t", 600)
    assert began_s <= token.made_s <= time.time()
    form = heard[0].form()
    assert (heard[0].method, heard[0].path) == ("POST", "/c2id/token")
    assert form["grant_type"] == "client_credentials"
    assert form["client_assertion_type"].endswith(":jwt-bearer")
    _, claims, _, _ = parts(form["client_assertion"])
    assert claims["aud"].endswith("/c2id/token")
    assert heard[0].headers["content-type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize("life", [None, "soon", -1, 0, 1e300])
def test_a_life_that_is_not_told_is_the_usual_one(life: Any, key: Key, tmp_path: Path) -> None:
    token, _ = login(key, tmp_path, script(said({"access_token": "t", "expires_in": life})))
    assert token.expires_s - token.made_s == 600


def test_a_refused_key_is_refused_at_once(key: Key, tmp_path: Path) -> None:
    answer = {"error": "invalid_client", "error_description": "Expired client"}
    err, heard = login(key, tmp_path, script(said(answer, 401)))
    assert isinstance(err, NoAccess)
    assert "Expired client" in str(err)
    assert len(heard) == 1


def test_a_login_turned_away_unread_is_not_repeated(key: Key, tmp_path: Path) -> None:
    err, heard = login(key, tmp_path, script(said({}, 429, Retry_After="9")))
    assert isinstance(err, NotTaken)
    assert (err.retry_after_s, len(heard)) == (9.0, 1)


def test_a_lost_answer_is_asked_for_with_a_new_statement(key: Key, tmp_path: Path) -> None:
    token, heard = login(key, tmp_path, script(Said(silent=True), said({"access_token": "t"})))
    assert token.value == "t"
    first, second = (parts(one.form()["client_assertion"])[1]["jti"] for one in heard)
    assert first != second


@pytest.mark.parametrize(
    "answer", [said([]), said({}), said({"access_token": 5}), Said(b"{"), said({}, 503)]
)
def test_no_token_is_no_news(answer: Said, key: Key, tmp_path: Path) -> None:
    err, heard = login(key, tmp_path, script(answer))
    assert isinstance(err, NoNews)
    assert not isinstance(err, NotTaken)
    assert len(heard) == 2
