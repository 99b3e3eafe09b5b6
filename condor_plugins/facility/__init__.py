# SPDX-License-Identifier: Apache-2.0
"""HPC facilities reached through their HTTP APIs; nothing outside this package speaks HTTP.

Standard library only, and little of it at import: helper programs under blahpd import this.
"""
