# SPDX-License-Identifier: Apache-2.0
"""HTCondor's own helper for the Superfacility API, sfapi_status.sh, at the same stand-in.

It is run as blahpd runs it, unchanged; only the addresses that it knows by heart are other ones.
"""

import base64
import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from _testbed.engine import ulimits

from _bench.access_point import NoFigures
from _bench.gateway_manager import Gridmanager, submit_all
from _bench.gateway_place import CLIENT, Place

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

INSTALLED = Path("/usr/libexec/blahp")
IMAGE = "localhost/glidein-testbed-pool"
FILES = ("sfapi_status.sh", "sfapi_helpers.py", "sfapi_setup.sh", "blah_load_config.sh")
POLL_S = 120.0
# Imported by each Python that the helper starts; it would import the client anyway. Authlib 1.7 and
# later do not take the helper's kind of key any more: they get the same key as text.
OTHER_ADDRESSES = """
import warnings
warnings.simplefilter("ignore")
from sfapi_client._sync.client import Client
made = Client.__init__
made.__defaults__ = tuple(
    "{url}/api/v1.2" if isinstance(value, str) and value.endswith("/api/v1.2")
    else "{url}/c2id/token" if isinstance(value, str) and value.endswith("/c2id/token")
    else value
    for value in made.__defaults__
)
def make(self, client_id=None, secret=None, *more, **named):
    pem = getattr(secret, "as_pem", None)
    made(self, client_id, pem(is_private=True).decode() if pem else secret, *more, **named)
Client.__init__ = make
"""


def shipped_polls(base: Path, scripts: Path | None, polls: int) -> dict[str, Any]:
    """CPU seconds and requests for one status of one running job.

    `scripts`: where the helper is. Raises NoFigures where it cannot be had.
    """
    directory = scripts or _found(base)
    missing = [name for name in FILES if not (directory / name).is_file()]
    if missing:
        raise NoFigures(f"{directory} has no {', '.join(missing)}")
    with Place(base, "sfapi") as place:
        job = _running_job(place)
        environment = _environment(place)
        argv = ["bash", str(directory / "sfapi_status.sh"), f"sfapi/20260101/{job}"]
        _polled(argv, environment)  # Python writes its bytecode the first time
        place.order("forget")
        before = _children_s()
        for _ in range(polls):
            _polled(argv, environment)
        used_s = _children_s() - before
        requests = sum(one.times for one in place.requests())
    return {
        "polls": float(polls),
        "cpu_s_per_poll": used_s / polls,
        "requests_per_poll": requests / polls,
    }


def _polled(argv: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(
        argv, capture_output=True, text=True, env=environment, timeout=POLL_S, check=False
    )
    if "JobStatus=2" not in done.stdout:
        raise NoFigures(f"the shipped helper says: {(done.stdout + done.stderr).strip()[-300:]}")


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _running_job(place: Place) -> str:
    manager = Gridmanager(place)
    try:
        submit_all(manager, place, iter([0]))
    finally:
        manager.kill()
    place.order("run")
    return place.jobs()[0].id


def _environment(place: Place) -> dict[str, str]:
    """A home with the credential as the helper wants it, and Python with NERSC's client."""
    home = place.base / "home"
    credential, addresses = home / ".superfacility", home / "addresses"
    credential.mkdir(parents=True)
    addresses.mkdir()
    (credential / "clientid.txt").write_text(CLIENT, encoding="ascii")
    (credential / "priv_key.jwk").write_text(json.dumps(_jwk(place.private_pem)), encoding="ascii")
    text = OTHER_ADDRESSES.replace("{url}", place.url)
    (addresses / "sitecustomize.py").write_text(text, encoding="ascii")
    config = home / "blah.config"
    config.write_text("", encoding="ascii")
    return {
        "HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(addresses),
        "BLAHPD_CONFIG_LOCATION": str(config),
    }


def _jwk(pem: str) -> dict[str, str]:
    """A private key as the service hands it out (RFC 7518, 6.3)."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    own = cast("RSAPrivateKey", load_pem_private_key(pem.encode(), None)).private_numbers()
    numbers = {
        "n": own.public_numbers.n,
        "e": own.public_numbers.e,
        "d": own.d,
        "p": own.p,
        "q": own.q,
        "dp": own.dmp1,
        "dq": own.dmq1,
        "qi": own.iqmp,
    }
    return {"kty": "RSA"} | {name: _base64url(number) for name, number in numbers.items()}


def _base64url(number: int) -> str:
    content = number.to_bytes((number.bit_length() + 7) // 8)
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _found(base: Path) -> Path:
    """Of HTCondor on this host, else of the testbed's image."""
    if (INSTALLED / FILES[0]).is_file():
        return INSTALLED
    if not shutil.which("podman"):
        raise NoFigures(f"no {INSTALLED / FILES[0]}, and no podman to take it from an image")
    listed = _podman("images", "--format", "{{.Repository}}:{{.Tag}}", IMAGE).split()
    if not listed:
        raise NoFigures(f"no {INSTALLED / FILES[0]}, and no image {IMAGE}")
    directory = base / "shipped"
    directory.mkdir()
    limits = [word for limit in ulimits() for word in ("--ulimit", limit)]
    for name in FILES:
        argv = ("run", "--rm", "--network=none", *limits, "--entrypoint", "cat", listed[0])
        (directory / name).write_text(_podman(*argv, f"{INSTALLED}/{name}"), encoding="utf-8")
    return directory


def _podman(*words: str) -> str:
    argv = ["podman", *words]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=POLL_S, check=False)
    if done.returncode:
        raise NoFigures(f"podman {words[0]}: {done.stderr.strip()[-300:]}")
    return done.stdout
