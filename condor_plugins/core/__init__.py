# SPDX-License-Identifier: Apache-2.0
"""The decision: values and arithmetic. No file, daemon, clock, log or environment in here.

Whoever starts a process imports ``condor_plugins.pool`` (hence htcondor2) before this package:
without it HTCondor's ClassAd functions evaluate to error and matches are silently false.
"""
