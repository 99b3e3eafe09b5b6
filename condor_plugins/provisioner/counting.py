# SPDX-License-Identifier: Apache-2.0
"""The factory's cron program: how many pilots each account has, for the factory's limits."""

from typing import TextIO

import classad2

from condor_plugins.core.errors import TryAgain
from condor_plugins.pool.schedd import Schedd

EXIT_OK, EXIT_AGAIN = 0, 75


def count_pilots(out: TextIO, err: TextIO) -> int:
    """Exit code. stdout: one attribute of the schedd's ad; without an answer the last one stays."""
    try:
        counts = Schedd().pilots_by_account()
    except TryAgain as problem:
        err.write(f"glidein pilots by account: {problem}\n")
        return EXIT_AGAIN
    told = " ".join(str(classad2.ClassAd(counts)).split())
    out.write(f"GlideinPilotsByAccount = {told}\n- update:true\n")
    return EXIT_OK
