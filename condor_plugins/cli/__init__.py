# SPDX-License-Identifier: Apache-2.0
"""Application `glidein`: the person's view. Facts are made in facts/, shown by the commands."""

import condor_plugins.pool  # noqa: F401  (loads htcondor2 before anything loads classad2)
