# SPDX-License-Identifier: Apache-2.0
"""As every entry point does: htcondor2 (by the pool package) before classad2."""

import condor_plugins.pool  # noqa: F401
