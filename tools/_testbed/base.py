# SPDX-License-Identifier: Apache-2.0
"""The base image: debian:forky from a registry, made with debootstrap where none can be reached."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from _testbed.command import StepFailed, run_logged
from _testbed.engine import Engine
from _testbed.packages import DEBOOTSTRAP, install
from _testbed.places import CACHE, NAME
from _testbed.progress import Progress

SUITE = "forky"
PUBLISHED = f"docker.io/library/debian:{SUITE}"
BASE = f"localhost/{NAME}-base:{SUITE}"


def ensure_base(engine: Engine, progress: Progress) -> str:
    """Name of the base image; its presence remembers which of the two ways worked."""
    if not engine.has("image", BASE):
        if engine.ask("pull", "--quiet", PUBLISHED, timeout_s=60).ok:
            progress.say(f"pulled {PUBLISHED}")
            engine.tell("tag", PUBLISHED, BASE)
        else:
            progress.say(f"cannot pull {PUBLISHED}, so Debian's packages have to do")
            make_base(engine, progress)
    return BASE


def make_base(engine: Engine, progress: Progress) -> None:
    install(DEBOOTSTRAP, progress)
    # /var/tmp: a root file system needs room and must not lie on a noexec or nodev /tmp.
    tree = Path(tempfile.mkdtemp(prefix=f"{NAME}-", dir="/var/tmp"))
    try:
        with progress.step(f"base image of Debian {SUITE} with debootstrap (about 25 s)"):
            debootstrap(tree)
            import_tree(engine, tree)
    finally:
        shutil.rmtree(tree, ignore_errors=True)


def debootstrap(tree: Path) -> None:
    """Fill `tree`; packages are verified against the keys of debian-archive-keyring.

    The script of sid does for every later suite (older debootstraps do not know forky). A mount
    namespace of its own: nothing stays mounted whatever happens.
    """
    log = CACHE / "debootstrap.log"
    words = ["--variant=minbase", "--include=ca-certificates", SUITE, str(tree), "", "sid"]
    argv = ["unshare", "--mount", "debootstrap", *words]
    if run_logged(argv, log, timeout_s=600, on_line=lambda line: None) != 0:
        raise StepFailed(
            f"debootstrap failed (see {log}). A signature that cannot be checked wants a newer "
            "package debian-archive-keyring; a download that failed wants a reachable Debian mirror"
        )
    for package in (tree / "var/cache/apt/archives").glob("*.deb"):
        package.unlink()


def import_tree(engine: Engine, tree: Path) -> None:
    tar = ["tar", "--numeric-owner", "--one-file-system", "-C", str(tree), "-c", "."]
    with subprocess.Popen(tar, stdout=subprocess.PIPE) as packed:
        argv = [engine.name, "import", "-", BASE]
        done = subprocess.run(
            argv, stdin=packed.stdout, capture_output=True, text=True, timeout=120, check=False,
            env=engine.env,
        )  # fmt: skip
    if done.returncode != 0 or packed.returncode != 0:
        raise StepFailed(f"{' '.join(argv)} failed: {done.stderr.strip()}")
