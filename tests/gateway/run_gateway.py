# SPDX-License-Identifier: Apache-2.0
"""glidein-gateway as it is, but its facility is the directory $GATEWAY_TEST_SITE."""

import os
import sys
from pathlib import Path

from condor_plugins.facility.values import Backend, Facility
from condor_plugins.gateway import opening, results_cache, working
from condor_plugins.gateway.__main__ import run
from tests.gateway.file_backend import FileBackend


def _backend(facility: Facility, directory: Path) -> Backend:
    at_once = int(os.environ.get("GATEWAY_TEST_AT_ONCE", "1"))
    return FileBackend(Path(os.environ["GATEWAY_TEST_SITE"]), at_once)


opening._backend = _backend
results_cache.BASE = Path(os.environ["HOME"])
working.PROGRAM[:] = [sys.executable, __file__]
run()
