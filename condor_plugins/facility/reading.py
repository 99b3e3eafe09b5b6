# SPDX-License-Identifier: Apache-2.0
"""From the checked values of a GLIDEIN_FACILITY_ ad to a `Facility`."""

from collections.abc import Mapping
from typing import Any

from condor_plugins.facility.values import Facility

# Attributes of the ad that concern one API only; they are handed on as they were written.
_SWITCHES = (
    *("QueueOption", "Version", "Bulk", "Files", "Idempotency", "StorageMachine"),
    *("Login", "Environment", "Filesystems"),
    *("Mode", "Endpoint", "ControlEndpoint", "EndpointConfig", "Scope"),
)


def facility(
    name: str, values: Mapping[str, Any], credential_values: Mapping[str, Any] | None
) -> Facility:
    """`values`, `credential_values`: by attribute, as core.reading.object_values gives them.

    Without a credential the secret's path is empty, and every login is refused.
    """
    secret = credential_values or {}
    return Facility(
        name.lower(),
        values["Api"],
        values["Url"].rstrip("/"),
        values["Machine"],
        values["Root"].rstrip("/"),
        secret=secret.get("Path", ""),
        secret_kind=secret.get("Type", ""),
        client_id=values["ClientId"],
        token_url=values["TokenUrl"],
        poll_s=float(values["PollInterval"]),
        timeout_s=float(values["Timeout"]),
        patience_s=float(values["SubmitPatience"]),
        grace_s=float(values["Grace"]),
        chunk_bytes=values["ChunkSize"],
        site_store=values["SiteStore"].rstrip("/"),
        options={one: text for one in _SWITCHES if (text := _text(values[one]))},
    )


def _text(value: str | bool) -> str:
    return value if isinstance(value, str) else str(value).lower()
