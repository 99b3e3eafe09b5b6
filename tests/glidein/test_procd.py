# SPDX-License-Identifier: Apache-2.0
"""A batch system's signal to every process of the pilot leaves condor_procd alone."""

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
IGNORED = (1, 2, 15)  # HUP, INT, TERM
STANDS_IN = "#!/bin/sh\nsed -n 's/^SigIgn:[[:space:]]*//p' /proc/self/status\necho \"$@\"\n"


def test_condor_procd_is_started_with_the_signals_ignored(tmp_path: Path) -> None:
    wrapper = tmp_path / "steps/condor/procd.sh"
    program = tmp_path / "ep/sbin/condor_procd"
    for path in (wrapper, program):
        path.parent.mkdir(parents=True)
    shutil.copy(ROOT / "glidein/condor/procd.sh", wrapper)
    program.write_text(STANDS_IN)
    program.chmod(0o755)

    done = subprocess.run([wrapper, "-A", "a b"], capture_output=True, text=True, check=True)

    mask, words = done.stdout.splitlines()
    assert all(int(mask, 16) >> (number - 1) & 1 for number in IGNORED)
    assert words == "-A a b"
