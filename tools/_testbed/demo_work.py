# SPDX-License-Identifier: Apache-2.0
"""The demo's jobs: what two people submit, and what must come out of it."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from _testbed.command import StepFailed
from _testbed.inside import Testbed

DIRECTORY = "demo"

# One SHA-256 a second: takes its time, needs little of the processor, and cannot be guessed.
SCRIPT = """\
#!/bin/sh
# Usage: checksum.sh SEED ROUNDS
set -eu
value=$1
round=0
while [ "$round" -lt "$2" ]; do
    value=$(printf %s "$value" | sha256sum | cut -d ' ' -f 1)
    round=$((round + 1))
    sleep 1
done
echo "$value" >answer
"""

SUBMIT = """\
executable              = checksum.sh
arguments               = $(seed) $(rounds)
request_cpus            = $(cores)
request_memory          = $(memory_mb)
request_disk            = 10MB
should_transfer_files   = yes
transfer_output_files   = answer
transfer_output_remaps  = "answer = answers/$(seed)"
error                   = errors/$(seed)
log                     = demo.log
queue seed, rounds, cores, memory_mb from jobs.txt
"""


@dataclass(frozen=True)
class Work:
    """One job: `rounds` checksums, one a second."""

    owner: str
    seed: str
    rounds: int
    cores: int
    memory_mb: int

    def answer(self) -> str:
        """What the job must write, computed here."""
        value = self.seed
        for _ in range(self.rounds):
            value = hashlib.sha256(value.encode()).hexdigest()
        return value


def all_work() -> list[Work]:
    """60 jobs of 1 to 4 cores and 5 to 30 s; every sixth wants the memory of a large pilot."""
    return [one_work(number) for number in range(60)]


def one_work(number: int) -> Work:
    wants_memory = number % 6 == 5
    return Work(
        owner="bob" if number % 5 in {1, 3} else "alice",
        seed=f"seed-{number:02d}",
        rounds=5 + number * 7 % 26,
        cores=(1, 2, 1, 4, 3)[number % 5] if not wants_memory else 1,
        memory_mb=20000 if wants_memory else 500 + 250 * (number % 7),
    )


def submit(testbed: Testbed, owner: str, work: Iterable[Work]) -> int:
    """Submit as the user would, from a directory in the home; the cluster's id."""
    testbed.tell(
        "ap", "sh", "-c",
        f"rm -rf {DIRECTORY} && mkdir -p {DIRECTORY}/answers {DIRECTORY}/errors", user=owner,
    )  # fmt: skip
    lines = (f"{w.seed}, {w.rounds}, {w.cores}, {w.memory_mb}\n" for w in work)
    files = {"checksum.sh": SCRIPT, "demo.sub": SUBMIT, "jobs.txt": "".join(lines)}
    for name, text in files.items():
        testbed.write_file("ap", f"{DIRECTORY}/{name}", text, user=owner)
    script = f"cd {DIRECTORY} && chmod +x checksum.sh && condor_submit -terse demo.sub"
    said = testbed.tell("ap", "sh", "-c", script, user=owner)
    if not said.strip()[:1].isdigit():
        raise StepFailed(f"condor_submit of {owner} said {said!r}")
    return int(said.split(".")[0])


def wrong_answers(testbed: Testbed, work: Sequence[Work]) -> list[str]:
    """Seeds whose output file is missing or holds another checksum than the one computed here."""
    found: dict[str, str] = {}
    for owner in sorted({one.owner for one in work}):
        script = f"cd {DIRECTORY}/answers && grep -H . * || true"
        for line in testbed.tell("ap", "sh", "-c", script, user=owner).splitlines():
            seed, _, answer = line.partition(":")
            found[seed] = answer
    return [one.seed for one in work if found.get(one.seed) != one.answer()]
