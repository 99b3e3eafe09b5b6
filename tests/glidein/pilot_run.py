# SPDX-License-Identifier: Apache-2.0
"""A pilot in a directory of its own, with a fake HTCondor in its bundle: no daemon, seconds."""

import base64
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

GLIDEIN = Path(__file__).resolve().parents[2] / "glidein"

# What the steps call of HTCondor. The master is Python: a shell cannot take back that QUIT is
# ignored in what another shell started beside itself.
MASTER = f"""#!{sys.executable}
import os, pathlib, signal, subprocess, sys, time
here = pathlib.Path(os.environ["CONDOR_CONFIG"]).parent
(here / "master-environment").write_text("\\n".join(sorted(os.environ)))
mode = (here / "ep" / "mode").read_text()
if mode == "dies":
    (here / "log" / "MasterLog").write_text("the reason of its death\\n")
    sys.exit(4)
history = "CpusProvisioned = 2\\nJobDuration = 5.01\\n*** Offset = 0\\nCpusProvisioned = 3\\n"
history += "JobDuration = 4.0\\nVacateReasonCode = 1013\\n*** Offset = 9\\n"
def leave(*_):
    if mode == "leaves slowly":
        time.sleep(1)
        (here / "log" / "startd_history").write_text(history)
    sys.exit(0)
signal.signal(signal.SIGQUIT, leave)
signal.signal(signal.SIGTERM, leave)
if mode != "never ready":
    (here / "log" / "EventLog").write_text("101 EP_READY\\n")
if mode == "switched off":
    time.sleep(1)
    (here / "log" / "EventLog").write_text("101 EP_READY\\n103 EP_SHUTDOWN\\n")
if mode == "leaves orphan":
    subprocess.Popen(["sleep", "300"], cwd=here / "execute", start_new_session=True)
if mode in ("idle", "leaves orphan"):
    time.sleep(1.2)
    (here / "log" / "startd_history").write_text(history)
    (here / "log" / "StartLog").write_text("No resources have been claimed for 20 seconds\\n")
    (here / "execute" / "sealed").mkdir(mode=0o500)
    sys.exit(0)
time.sleep(300)
"""
TOOLS = {
    "sbin/condor_master": MASTER,
    "bin/condor_version": "#!/bin/sh\necho '$CondorVersion: 25.14.1 test $'\n",
    "bin/condor_ping": "#!/bin/sh\nexit 0\n",
    "bin/condor_status": '#!/bin/sh\ncase "$*" in *-ads*) ;; *) echo slot1@fake ;; esac\n',
}


def token(lifetime_s: int = 3600, made_s: float | None = None) -> str:
    made = int(made_s or time.time())
    claims = {"iss": "testbed", "iat": made, "exp": made + lifetime_s, "sub": "glidein-x@testbed"}
    words = ({"alg": "HS256", "kid": "POOL"}, claims)
    parts = [base64.urlsafe_b64encode(json.dumps(w).encode()).rstrip(b"=") for w in words]
    return b".".join([*parts, b"c2ln"]).decode() + "\n"


def archive(target: Path, files: Mapping[str, bytes]) -> None:
    with tarfile.open(target, "w:gz") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o755
            tar.addfile(info, io.BytesIO(data))


@dataclass
class Ended:
    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.err.splitlines() if line.startswith("{")]

    def event(self, name: str) -> dict[str, object]:
        return next(event for event in self.events if event["event"] == name)


@dataclass
class Pilot:
    """`home` is the batch job's directory, `base` the node's scratch, `shell` runs everything."""

    home: Path
    base: Path
    shell: str
    tools: Path
    name: str = "ap-12.0"
    facts: dict[str, str] = field(default_factory=dict)
    extra_lines: str = ""
    env: dict[str, str] = field(default_factory=dict)

    def prepare(self, mode: str = "idle", **tools: str) -> None:
        """Lay out what the batch system would have copied here; `tools` replace fake programs."""
        self.home.mkdir(parents=True, exist_ok=True)
        self.base.mkdir(exist_ok=True)
        steps = {
            f"steps/{path.relative_to(GLIDEIN)}": path.read_bytes()
            for path in sorted(GLIDEIN.glob("*/*"))
        }
        named = {f"bin/{name}": text for name, text in tools.items()}
        fake = {f"ep/{name}": text.encode() for name, text in {**TOOLS, **named}.items()}
        archive(self.home / "glidein-steps.tar.gz", steps)
        archive(self.home / "glidein-ep.tar.gz", {**fake, "ep/mode": mode.encode()})
        (self.home / "glidein.sh").write_bytes((GLIDEIN / "glidein.sh").read_bytes())
        (self.home / "pool.token").write_text(token())
        self.write_manifest()

    def write_manifest(self) -> None:
        lines = [
            f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
            for path in sorted(self.home.glob("*.tar.gz"))
        ]
        (self.home / "glidein-manifest.txt").write_text("".join(lines))

    @property
    def description(self) -> str:
        manifest = (self.home / "glidein-manifest.txt").read_bytes()
        facts = {
            "Collector": "cm", "TrustDomain": "testbed", "Schedd": "ap", "Site": "NERSC",
            "Entry": "Perlmutter", "Group": "main", "Cpus": "8", "MemoryMB": "4000", "DiskMB": "1",
            "WallTimeS": "600", "IdleTimeoutS": "20", "TailTimeoutS": "20", "Start": "true",
            "TokenFile": "pool.token",
            "ManifestSha256": hashlib.sha256(manifest).hexdigest(), **self.facts,
        }  # fmt: skip
        text = "".join(f"{name}\t{value}\n" for name, value in facts.items() if value != "-")
        return base64.b64encode((text + self.extra_lines).encode()).decode()

    def start(self, description: str = "") -> "subprocess.Popen[str]":
        argv = [self.shell, "./glidein.sh", self.name, description or self.description]
        env = {"PATH": str(self.tools), "GLIDEIN_WORK_BASE": str(self.base), **self.env}
        pipe = subprocess.PIPE
        return subprocess.Popen(argv, cwd=self.home, env=env, stdout=pipe, stderr=pipe, text=True)

    def run(self, description: str = "") -> Ended:
        return ended(self.start(description))

    def work(self) -> Path | None:
        return next(self.base.glob("glidein-*"), None)

    def left_behind(self) -> list[str]:
        return sorted(os.listdir(self.base))


def ended(process: "subprocess.Popen[str]", timeout_s: float = 30) -> Ended:
    out, err = process.communicate(timeout=timeout_s)
    return Ended(process.returncode, out, err)
