# SPDX-License-Identifier: Apache-2.0
"""The testbed: real HTCondor and Slurm daemons in containers on one machine (see tools/testbed)."""
