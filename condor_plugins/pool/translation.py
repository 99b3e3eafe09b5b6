# SPDX-License-Identifier: Apache-2.0
"""HTCondor's exceptions become ours in one place."""

from collections.abc import Iterator
from contextlib import contextmanager

import classad2
import htcondor2

from condor_plugins.core.errors import TryAgain


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Whatever HTCondor raises while `what` is done is a TryAgain that says so."""
    try:
        yield
    except (htcondor2.HTCondorException, classad2.ClassAdException, OSError, RuntimeError) as err:
        words = " ".join(str(err).split()).rstrip(".") or type(err).__name__
        raise TryAgain(f"{what}: {words}") from err
