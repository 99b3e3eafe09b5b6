# SPDX-License-Identifier: Apache-2.0
"""The schedd's cron program: look, decide, do, tell."""
