# SPDX-License-Identifier: Apache-2.0
"""Started by tools/testbed."""

from _testbed.cli import run

if __name__ == "__main__":
    run()
