# SPDX-License-Identifier: Apache-2.0
"""What holds when the testbed is up; asked one after the other, the missing one is named."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from _testbed.command import StepFailed
from _testbed.inside import AS_PROVISIONER, Testbed
from _testbed.waiting import NotInTime, wait_until

UP_TIMEOUT_S = 60


@dataclass(frozen=True)
class Fact:
    """`argv` on `host` ends with 0 and prints something that `expected` matches."""

    what: str
    host: str
    argv: tuple[str, ...]
    expected: str
    log: str
    user: str = "root"
    env: Mapping[str, str] = field(default_factory=dict)

    def answer(self, testbed: Testbed) -> tuple[bool, str]:
        done = testbed.run(self.host, *self.argv, user=self.user, timeout_s=15, env=self.env)
        text = done.out + done.err
        return done.ok and re.search(self.expected, text, re.MULTILINE) is not None, text.strip()

    def holds(self, testbed: Testbed) -> bool:
        return self.answer(testbed)[0]


FACTS = (
    Fact(
        "the collector answers", "cm",
        ("condor_status", "-collector", "-af", "Machine"), "^cm$", "/var/log/condor/CollectorLog",
    ),
    Fact(
        "the negotiator is in the collector", "cm",
        ("condor_status", "-negotiator", "-af", "Machine"), "^cm$", "/var/log/condor/NegotiatorLog",
    ),
    Fact(
        "the Access Point's schedd is in the collector", "ap",
        ("condor_status", "-schedd", "-af", "Machine"), "^ap$", "/var/log/condor/SchedLog",
    ),
    Fact(
        "the schedd takes the provisioner's token for the account glidein", "ap",
        ("condor_ping", "-type", "schedd", "-table", "WRITE"), "glidein@testbed",
        "/var/log/condor/SchedLog", user="condor", env=AS_PROVISIONER,
    ),
    Fact(
        "the pilots' token for the pool is in place", "ap",
        ("test", "-s", "/pscratch/glidein/credentials/pool.token"), "", "/var/log/condor/MasterLog",
    ),
    Fact(
        "the node of the cluster is usable", "perlmutter",
        ("sinfo", "--noheader", "--format=%T"), "^(idle|mixed|allocated)$",
        "/var/log/slurm/slurmctld.log",
    ),
    Fact(
        "the account glidein may submit to the cluster from the Access Point", "ap",
        ("sbatch", "--test-only", "--wrap=true"), "Job [0-9]+ to start",
        "/var/log/testbed/munged.log", user="glidein",
    ),
)  # fmt: skip


def wait_for_facts(
    testbed: Testbed, timeout_s: float = UP_TIMEOUT_S, facts: Sequence[Fact] = FACTS
) -> None:
    """Raises StepFailed with the missing fact, the last answer and the end of the telling log."""
    for fact in facts:
        try:
            wait_until(fact.what, partial(fact.holds, testbed), timeout_s)
        except NotInTime as late:
            said = " | ".join(fact.answer(testbed)[1].splitlines()[-5:])
            log = testbed.run(fact.host, "tail", "-n", "15", fact.log).out
            raise StepFailed(
                f"{late}\n{' '.join(fact.argv)} said: {said}\nend of {fact.host}:{fact.log}:\n{log}"
                f"more: tools/testbed logs {fact.host}; start over: tools/testbed down"
            ) from late


def missing_facts(testbed: Testbed) -> list[str]:
    return [fact.what for fact in FACTS if not fact.holds(testbed)]
