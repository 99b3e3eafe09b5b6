# SPDX-License-Identifier: Apache-2.0
"""The application behind blahp/: pilots of the grid universe become jobs at a facility.

One engine over one ledger, with two faces: a resident GAHP and helper scripts under blahpd.
"""
