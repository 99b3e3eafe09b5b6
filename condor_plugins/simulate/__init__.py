# SPDX-License-Identifier: Apache-2.0
"""A made-up world for the decision: sites, jobs and a negotiator as discrete events.

The decision is the one of production; only what it sees and what its actions do is made up here.
docs/simulate.md describes the input and every simplification.
"""

import condor_plugins.pool  # noqa: F401  (loads htcondor2 before anything loads classad2)
