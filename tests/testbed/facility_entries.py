# SPDX-License-Identifier: Apache-2.0
"""Three ways into the cluster beside Slurm's own: one entry for each API, one facility for each."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from _testbed.pool import Ad, Pool
from _testbed.waiting import wait_until

from tests.testbed.settings import drop_in

APIS = ("sfapi", "iri", "globus")
NEAR = {"near": "glidein_gahp"}
BOTH = {**NEAR, "by": "blahp_gahp"}
ROOT = "/pscratch/glidein/facility"
GATEWAY_DIR = "/var/lib/glidein-gateway"
SECRETS = "/pscratch/glidein/credentials"
LOGIN = "11111111-1111-4111-8111-111111111111"
BLOCK = "22222222-2222-4222-8222-222222222222"
# The gridmanager keeps its GAHP servers for minutes; a new one starts new ones.
NEW_GATEWAY = """
    pkill -KILL -f '[g]lidein-gateway (gahp|work)|[b]lahpd|[c]ondor_gridmanager'
    rm -rf "$1"
    install -d -o glidein -m 0700 "$1"
"""
KINDS = {
    "sfapi": ("sfapi_key", "sfapi.pem"),
    "iri": ("iri_bearer", "iri.token"),
    "globus": ("globus_client", "globus.json"),
}
HOST = "http://perlmutter:8080"
URLS = {"sfapi": f"{HOST}/api/v1.2", "iri": f"{HOST}/iri/api/v2", "globus": HOST}
MORE = {
    "sfapi": f'Machine = "perlmutter"; QueueOption = "partition"; TokenUrl = "{HOST}/c2id/token";',
    "iri": 'Machine = "perlmutter"; Version = "v2";',
    "globus": f'Endpoint = "{BLOCK}"; ControlEndpoint = "{LOGIN}";'
    f' TokenUrl = "{HOST}/v2/oauth2/token";',
}


def text(queue: str, faces: Mapping[str, str]) -> str:
    """Facilities, credentials and entries, as an administrator writes them.

    `faces`: what the names of facilities begin with, and the program for these.
    """
    parts = [f"GLIDEIN_GATEWAY_DIR = {GATEWAY_DIR}"]
    for api in APIS:
        parts.append(credential(api))
        parts += [facility(name, api, face, queue) for name, face in faces.items()]
    return "\n".join(parts)


def credential(api: str) -> str:
    kind, file = KINDS[api]
    return f"""
GLIDEIN_CREDENTIAL_NAMES = $(GLIDEIN_CREDENTIAL_NAMES) {api}
GLIDEIN_CREDENTIAL_{api} @=credential
  Purpose = "request"
  Type = "{kind}"
  TrustDomain = "nersc"
  Path = "{SECRETS}/{file}"
@credential
"""


def facility(name: str, api: str, face: str, queue: str) -> str:
    return f"""
GLIDEIN_FACILITY_NAMES = $(GLIDEIN_FACILITY_NAMES) {name}{api}
GLIDEIN_FACILITY_{name}{api} @=facility
  Api = "{api}"
  Url = "{URLS[api]}"
  Credential = "{api}"
  Root = "{ROOT}/{name}{api}"
  PollInterval = 5
  Timeout = 10
  SubmitPatience = 30
  Grace = 60
  {MORE[api].replace("; ", chr(10) + "  ").rstrip(";")}
@facility
{name.upper()}{api.upper()}_GAHP = $(GLIDEIN_BLAHP_DIR)/{face}
GLIDEIN_ENTRY_NAMES = $(GLIDEIN_ENTRY_NAMES) {entry(api, name)}
GLIDEIN_ENTRY_{entry(api, name)} @=entry
  Site          = "NERSC"
  GridResource  = "batch {name}{api}"
  Facility      = "{name}{api}"
  TrustDomain   = "nersc"
  Cpus          = 4
  Memory        = 8000
  WallTime      = 1200
  IdleTimeout   = 10
  MaxPilots     = 20
  MaxIdlePilots = 20
  Submit        = [ BatchQueue = "{queue}"; BatchProject = "m0001" ]
@entry
"""


def entry(api: str, name: str = "near") -> str:
    return f"{name.capitalize()}{api.capitalize()}"


@contextmanager
def facilities(
    pool: Pool, queue: str = "regular", faces: Mapping[str, str] = NEAR
) -> Iterator[None]:
    """An entry for each API and face while the block runs; ledgers and staged files are new."""
    pool.testbed.tell("perlmutter", "rm", "-rf", ROOT)
    pool.testbed.tell("ap", "sh", "-c", NEW_GATEWAY, "sh", GATEWAY_DIR)
    control(pool, "POST", "/_control/reset")
    try:
        with drop_in(pool, "ap", "facilities", text(queue, faces)):
            yield
    finally:
        control(pool, "POST", "/_control/reset")


@contextmanager
def stopped(pool: Pool) -> Iterator[None]:
    """Nothing listens at the facility while the block runs; Slurm goes on."""
    script = "touch /run/testbed/facility.stop; pkill -f 'm [f]acility '"
    pool.testbed.tell("perlmutter", "sh", "-c", script)
    wait_until("the facility is silent", lambda: not is_listening(pool), 20)
    try:
        yield
    finally:
        pool.testbed.tell("perlmutter", "rm", "-f", "/run/testbed/facility.stop")
        wait_until("the facility listens", lambda: is_listening(pool), 20)


def is_listening(pool: Pool) -> bool:
    script = "import socket; socket.create_connection(('127.0.0.1', 8080), 5)"
    return pool.testbed.run("perlmutter", "python3", "-c", script).ok


def fault(pool: Pool, kind: str, **more: Any) -> None:
    control(pool, "POST", "/_control/faults", [{"kind": kind, **more}])


def control(pool: Pool, method: str, path: str, body: Any = None) -> Any:
    """Ask the stand-in itself, which takes such questions from its own host only."""
    script = (
        "import sys, urllib.request as u; data = sys.stdin.buffer.read() or None;"
        "r = u.Request('http://127.0.0.1:8080' + sys.argv[2], data, method=sys.argv[1]);"
        "sys.stdout.write(u.urlopen(r, timeout=10).read().decode())"
    )
    told = json.dumps(body) if body is not None else ""
    words = ("python3", "-c", script, method, path)
    return json.loads(pool.testbed.tell("perlmutter", *words, stdin=told) or "null")


def only_at(api: str, name: str = "near") -> str:
    """A line of a submit file: the jobs run on pilots of this entry."""
    return f'requirements = TARGET.GLIDEIN_Entry == "{entry(api, name)}"'


def of_api(pool: Pool, api: str) -> list[Ad]:
    return pool.pilots(f'GlideinEntry == "{entry(api)}"')
