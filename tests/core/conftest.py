# SPDX-License-Identifier: Apache-2.0
"""As every entry point does: htcondor2 (by the pool package) before classad2."""

from hypothesis import settings

import condor_plugins.pool  # noqa: F401

# The same examples in every run, and no stopwatch: a busy machine is no failure. To search for
# longer: settings(max_examples=5000, derandomize=False) in a profile of your own.
settings.register_profile("same", derandomize=True, deadline=None, max_examples=80)
settings.load_profile("same")
