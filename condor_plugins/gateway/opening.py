# SPDX-License-Identifier: Apache-2.0
"""A facility with its engine and ledger, ready to work; nothing is asked of it yet."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, cast

from condor_plugins.facility.values import Backend, Facility
from condor_plugins.gateway.engine import Engine
from condor_plugins.gateway.ledger import Ledger
from condor_plugins.gateway.settings import load


class Opened(NamedTuple):
    """One facility; `directory` is its state directory."""

    facility: Facility
    directory: Path
    backend: Backend
    engine: Engine
    ledger: Ledger


class Late:
    """A backend that is made when it is first used: most answers need neither it nor `ssl`."""

    def __init__(self, make: Callable[[], Backend]) -> None:
        self._make = make
        self._made: Backend | None = None
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        with self._lock:
            if self._made is None:
                self._made = self._make()
        return getattr(self._made, name)


def open_facility(batch_type: str) -> Opened:
    """By the settings as they are now. Raises Misconfigured; what passes: TryAgain, or a disk's."""
    facility, directory = load(batch_type)
    backend = cast(Backend, Late(lambda: _backend(facility, directory)))
    ledger = Ledger(directory / "ledger.sqlite")
    return Opened(facility, directory, backend, Engine(facility, backend, ledger), ledger)


def _backend(facility: Facility, directory: Path) -> Backend:
    from condor_plugins.facility.backends import backend  # noqa: PLC0415 (http and ssl: 30 ms)

    return backend(facility, directory)
