# SPDX-License-Identifier: Apache-2.0
"""The facility that a batch type is, out of HTCondor's configuration."""

from collections.abc import Mapping
from typing import Any

from condor_plugins.core.errors import Misconfigured
from condor_plugins.core.reading import WrongValueError, names, nearest, object_values, parse_ad
from condor_plugins.core.table import CREDENTIAL, FACILITY, ObjectKind
from condor_plugins.facility.reading import facility
from condor_plugins.facility.values import Facility
from condor_plugins.pool.configuration import knob_texts, reread


def facility_of(batch_type: str) -> tuple[Facility, str]:
    """The facility, and the text of GLIDEIN_GATEWAY_DIR. Raises Misconfigured, naming the knob."""
    reread()
    texts = knob_texts()
    listed = names(texts.get(FACILITY.names_knob, ""))
    # The gridmanager writes batch types in lower case.
    name = next((one for one in listed if one.lower() == batch_type), None)
    if name is None:
        hint = nearest(batch_type, listed)
        raise Misconfigured(f"{FACILITY.names_knob} has no {batch_type}{hint}")
    values = _values(FACILITY, name, texts)
    secret = str(values["Credential"])
    return (
        facility(name, values, _values(CREDENTIAL, secret, texts) if secret else None),
        texts.get("GLIDEIN_GATEWAY_DIR", "").strip(),
    )


def _values(kind: ObjectKind, name: str, texts: Mapping[str, str]) -> dict[str, Any]:
    knob = kind.prefix + name
    text = texts.get(knob.upper())
    if text is None:
        raise Misconfigured(f"{knob} is not set")
    try:
        values, problems = object_values(kind, knob, parse_ad(text))
    except WrongValueError as wrong:
        raise Misconfigured(f"{knob}: {wrong}") from wrong
    if problems:
        raise Misconfigured("; ".join(map(str, problems)))
    return values
