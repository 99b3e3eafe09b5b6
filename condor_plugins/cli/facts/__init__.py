# SPDX-License-Identifier: Apache-2.0
"""What the commands say, as plain values: `--json` prints these, the commands put them in words."""
