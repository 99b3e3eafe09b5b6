# SPDX-License-Identifier: Apache-2.0
"""Files and commands of the mapped user, who is the user that the stand-in runs as."""

import os
import pwd
import shutil
import stat
import subprocess
import time
from collections.abc import Sequence
from grp import getgrgid
from pathlib import Path
from typing import NamedTuple

KEPT = ("PATH", "LANG", "TZ", "SLURM_CONF")


class Done(NamedTuple):
    """A command that ended; `code` is 128 + n for signal n."""

    code: int
    out: str
    err: str


class Entry(NamedTuple):
    """A line of `ls -l`; `target` is what a symbolic link holds."""

    perms: str
    hardlinks: int
    user: str
    group: str
    size: int
    changed_s: float
    name: str
    target: str = ""

    def date(self) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(self.changed_s))


class Files:
    """Paths are absolute or below `home`. All methods raise OSError as the system words it."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def path(self, name: str) -> Path:
        """`name` with one slash in front where it has two."""
        return self.home / (f"/{name.lstrip('/')}" if name.startswith("/") else name)

    def read(self, name: str) -> bytes:
        return self.path(name).read_bytes()

    def write(self, name: str, content: bytes) -> None:
        """Whole or not at all is not promised, as on a real login node; no directory is made."""
        self.path(name).write_bytes(content)

    def make(self, name: str, parents: bool = False) -> None:
        self.path(name).mkdir(parents=parents, exist_ok=parents)

    def remove(self, name: str) -> None:
        """A file, a link or a whole directory."""
        path = self.path(name)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()

    def entry(self, name: str, shown: str = "") -> Entry:
        path = self.path(name)
        found = path.lstat()
        return Entry(
            stat.filemode(found.st_mode),
            found.st_nlink,
            user_name(found.st_uid),
            _group_name(found.st_gid),
            found.st_size,
            found.st_mtime,
            shown or path.name,
            str(path.readlink()) if stat.S_ISLNK(found.st_mode) else "",
        )

    def list(self, name: str) -> list[Entry]:
        """As `ls -la`: a directory's entries with "." and ".." first; else the file itself."""
        path = self.path(name)
        if not stat.S_ISDIR(path.lstat().st_mode):
            return [self.entry(name, str(path))]
        dots = [self.entry(str(path / word), word) for word in (".", "..")]
        return [*dots, *(self.entry(str(one)) for one in sorted(path.iterdir()))]

    def run(self, argv: Sequence[str], stdin: bytes = b"", timeout_s: float = 300.0) -> Done:
        """Run a command in the home directory, without a shell; 127 where there is none such."""
        try:
            done = subprocess.run(
                list(argv),
                input=stdin,
                capture_output=True,
                cwd=self.home,
                timeout=timeout_s,
                check=False,
                start_new_session=True,
            )
        except FileNotFoundError:
            return Done(127, "", f"{argv[0] if argv else ''}: command not found\n")
        except subprocess.TimeoutExpired:
            return Done(124, "", f"timed out after {timeout_s:.0f} s\n")
        code = done.returncode if done.returncode >= 0 else 128 - done.returncode
        return Done(
            code, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
        )


def user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group_name(gid: int) -> str:
    try:
        return getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def become(user: str, home: Path) -> None:
    """Root becomes `user` for good: groups, umask, and an environment as after a login."""
    entry = pwd.getpwnam(user)
    if os.geteuid() == 0 and entry.pw_uid != 0:
        os.initgroups(user, entry.pw_gid)
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    os.environ.clear()
    os.environ.update(kept, HOME=str(home), USER=user, LOGNAME=user, SHELL="/bin/sh")
    os.umask(0o022)
