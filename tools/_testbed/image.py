# SPDX-License-Identifier: Apache-2.0
"""The testbed's two images, named after the content of what they are made from."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from _testbed.base import BASE, ensure_base
from _testbed.command import StepFailed, run_logged
from _testbed.engine import Engine
from _testbed.places import CACHE, CHECKOUT, CONTAINERFILE, NAME
from _testbed.progress import Progress

TARGETS = ("cluster", "pool")
INPUTS = (
    "tools/_testbed/Containerfile",
    "tools/_testbed/hosts",
    "tools/pack",
    "pyproject.toml",
    "LICENSE",
    "README.md",
    "config.d",
    "condor_plugins",
    "glidein",
    "blahp",
    "tests/testbed/facility",
)
BUILD_TIMEOUT_S = 600
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")


def image_name(target: str, content: str) -> str:
    return f"localhost/{NAME}-{target}:{content}"


def content_hash(checkout: Path = CHECKOUT) -> str:
    """12 digits over names, modes and bytes of every file that goes into the images."""
    digest = hashlib.sha256()
    for path in input_files(checkout):
        executable = bool(path.stat().st_mode & 0o100)
        digest.update(f"{path.relative_to(checkout)}\0{executable}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]


def input_files(checkout: Path) -> Iterator[Path]:
    for name in INPUTS:
        top = checkout / name
        if not top.exists():
            raise StepFailed(f"{name} is missing in {checkout}: is the checkout complete?")
        found = [top] if top.is_file() else sorted(top.rglob("*"))
        yield from (path for path in found if path.is_file() and "__pycache__" not in path.parts)


def is_built(engine: Engine) -> bool:
    content = content_hash()
    return all(engine.has("image", image_name(target, content)) for target in TARGETS)


def build(engine: Engine, progress: Progress) -> str:
    """Content hash of the images, which are there afterwards; seconds when they were before."""
    content = content_hash()
    if is_built(engine):
        progress.say(f"images {content} are up to date")
        return content
    base = ensure_base(engine, progress)
    for target in TARGETS:
        with progress.step(f"image {target} {content}"):
            build_target(engine, progress, target, base)
    drop_images(engine, keep=content)
    return content


def build_target(engine: Engine, progress: Progress, target: str, base: str) -> None:
    log = CACHE / f"build-{target}.log"
    log.unlink(missing_ok=True)
    argv = [engine.name, "build", "--file", str(CONTAINERFILE), "--build-arg", f"BASE={base}"]
    if AUTHORITIES.exists():
        argv += ["--secret", f"id=ca,src={AUTHORITIES}"]
    argv += ["--target", target, "--tag", image_name(target, content_hash()), str(CHECKOUT)]

    def name_step(line: str) -> None:
        if ": RUN " in line:
            progress.say(f"  {line.split(': ', 1)[1].strip()[:80]} …")

    if run_logged(argv, log, BUILD_TIMEOUT_S, name_step, env=engine.env) != 0:
        last = log.read_text(encoding="utf-8").strip().splitlines()[-15:]
        raise StepFailed("\n".join([f"building {target} failed; the end of {log}:", *last]))


def drop_images(engine: Engine, keep: str = "") -> None:
    """Remove our images except those of content `keep`; the base too when nothing is kept.

    An image that a running container uses stays until the next build.
    """
    listed = engine.tell("images", "--format", "{{.Repository}}:{{.Tag}}").split()
    ours = [name for name in listed if name.startswith(f"localhost/{NAME}-")]
    for name in ours:
        if not keep or not (name == BASE or name.endswith(f":{keep}")):
            engine.ask("rmi", name, timeout_s=120)
