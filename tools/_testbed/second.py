# SPDX-License-Identifier: Apache-2.0
"""The second Access Point: started beside a running testbed, and taken away again."""

from collections.abc import Sequence

from _testbed.facts import Fact, wait_for_facts
from _testbed.inside import AS_PROVISIONER, Testbed
from _testbed.lifecycle import create_token, put_secret, run_words
from _testbed.places import SECOND, host_named

ACCOUNT = "glidein-ap2"
SCHEDD_LOG = "/var/log/condor/SchedLog"
# HTCondor's tools make a host's full name of "-name ap", which is not how ap calls itself.
ADDRESS = "condor_status -schedd -constraint 'Name == \"ap\"' -af MyAddress"
SECOND_FACTS: Sequence[Fact] = (
    Fact(
        "the second Access Point's schedd is in the collector", "ap2",
        ("condor_status", "-schedd", "-af", "Machine"), "^ap2$", SCHEDD_LOG,
    ),
    Fact(
        f"the factory takes the second provisioner's token for {ACCOUNT}", "ap2",
        ("sh", "-c", f"condor_ping -address \"$({ADDRESS})\" -type schedd -table WRITE"),
        f"{ACCOUNT}@testbed", SCHEDD_LOG, user="condor", env=AS_PROVISIONER,
    ),
)  # fmt: skip


def start_second(testbed: Testbed) -> None:
    """ap2, from the image of ap; nothing happens when it runs already."""
    if testbed.is_running(SECOND.name):
        return
    stop_second(testbed)
    form = "{{.Config.Image}}"
    image = testbed.engine.tell("inspect", "--format", form, host_named("ap").container).strip()
    testbed.engine.tell(*run_words(testbed.engine, SECOND, image.rpartition(":")[2]))
    put_secret(testbed, "ap2", ("/etc/condor/tokens.d/pool", "root"),
               create_token(testbed, "condor@testbed"))  # fmt: skip
    factory = create_token(testbed, f"{ACCOUNT}@testbed", host="ap")
    put_secret(testbed, "ap2", ("/etc/condor/glidein-tokens.d/ap", "condor"), factory)
    rights = ("-authz", "ADVERTISE_STARTD", "-authz", "ADVERTISE_MASTER")
    pilots = create_token(testbed, "glidein-perlmutter-ap2@testbed", rights)
    put_secret(testbed, "ap", (f"/pscratch/{ACCOUNT}/credentials/pool.token", ACCOUNT), pilots)
    wait_for_facts(testbed, facts=SECOND_FACTS)


def stop_second(testbed: Testbed) -> None:
    """The schedd says good-bye first, else its ad stays in the collector for 15 minutes."""
    if testbed.is_running(SECOND.name):
        testbed.run("ap2", "condor_off", "-fast", "-daemon", "schedd")
        testbed.run("ap2", "sh", "-c", "n=0; while pgrep condor_schedd; do n=$((n + 1)); "
                    "[ $n -lt 100 ]; sleep 0.1; done")  # fmt: skip
    testbed.engine.ask("rm", "--force", SECOND.container, timeout_s=60)
