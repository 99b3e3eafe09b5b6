# SPDX-License-Identifier: Apache-2.0
"""The backend of a facility; only the module that is needed is imported."""

from importlib import import_module
from pathlib import Path

from condor_plugins.facility.values import Backend, Facility, Rejected

CLASSES = {"sfapi": "Sfapi", "iri": "Iri", "globus": "Globus"}


def backend(facility: Facility, state_dir: Path) -> Backend:
    """`state_dir`: the facility's own, mode 0700. Raises Rejected for an API that is not known."""
    api = facility.api.lower()
    if api not in CLASSES:
        raise Rejected(f"{facility.name}: no such API: {facility.api}")
    module = import_module(f"condor_plugins.facility.{api}")
    made: Backend = getattr(module, CLASSES[api])(facility, state_dir)
    return made
