# SPDX-License-Identifier: Apache-2.0
"""From an ad as an administrator writes it to what the APIs work with."""

import condor_plugins.pool  # noqa: F401  (htcondor2 before classad2)
from condor_plugins.core.reading import object_values, parse_ad
from condor_plugins.core.table import CREDENTIAL, FACILITY
from condor_plugins.facility.reading import facility

WRITTEN = """
  Api = "iri"
  Url = "https://api.example.org/api/v1/"
  Machine = "polaris"
  Credential = "key"
  Root = "/eagle/glidein/"
  PollInterval = 30
  SubmitPatience = 100
  Bulk = false
  Filesystems = "home:eagle"
"""


def test_an_ad_becomes_a_facility() -> None:
    values, problems = object_values(FACILITY, "GLIDEIN_FACILITY_ALCF", parse_ad(WRITTEN))
    assert problems == []
    key, _ = object_values(
        CREDENTIAL, "C", parse_ad('[ Purpose = "request"; Type = "iri_bearer"; Path = "/key" ]')
    )
    made = facility("ALCF", values, key)
    assert (made.name, made.api, made.machine) == ("alcf", "iri", "polaris")
    assert (made.url, made.root) == ("https://api.example.org/api/v1", "/eagle/glidein")
    assert (made.secret, made.secret_kind) == ("/key", "iri_bearer")
    assert (made.poll_s, made.patience_s, made.grace_s, made.timeout_s) == (30, 100, 600, 20)
    assert made.chunk_bytes == 4_000_000
    assert made.options == {
        "QueueOption": "qos",
        "Bulk": "false",
        "Files": "true",
        "Idempotency": "true",
        "Filesystems": "home:eagle",
        "Mode": "task",
    }


def test_without_a_credential_there_is_no_secret() -> None:
    values, _ = object_values(FACILITY, "F", parse_ad(WRITTEN))
    made = facility("alcf", values, None)
    assert (made.secret, made.secret_kind) == ("", "")
