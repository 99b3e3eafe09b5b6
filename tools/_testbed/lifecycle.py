# SPDX-License-Identifier: Apache-2.0
"""Start the three hosts and take them away again, whatever state they were left in."""

from collections.abc import Sequence

from _testbed.command import StepFailed
from _testbed.engine import Engine, require_engine
from _testbed.facts import missing_facts, wait_for_facts
from _testbed.image import build, image_name
from _testbed.inside import Testbed
from _testbed.packages import require_container_engine
from _testbed.places import (
    ALL_HOSTS,
    HOST_NAMES,
    HOSTS,
    NETWORK,
    SCRATCH_VOLUME,
    START_SCRIPTS,
    Host,
)
from _testbed.progress import Progress
from _testbed.waiting import wait_until


def build_images(progress: Progress) -> tuple[Engine, str]:
    require_container_engine(progress)
    engine = require_engine()
    return engine, build(engine, progress)


def up(progress: Progress) -> Testbed:
    """The running testbed with this checkout's product; what runs already and is right stays."""
    engine, content = build_images(progress)
    testbed = Testbed(engine)
    if all(runs(engine, host, content) for host in HOSTS) and not missing_facts(testbed):
        progress.say("the testbed is up already")
        return testbed
    remove(engine)
    with progress.step("starting " + ", ".join(HOST_NAMES)):
        start(engine, content)
        hand_out_tokens(testbed)
        wait_for_facts(testbed)
    return testbed


def runs(engine: Engine, host: Host, content: str) -> bool:
    form = "{{.State.Running}} {{.Config.Image}}"
    done = engine.ask("inspect", "--format", form, host.container)
    return done.out.split() == ["true", image_name(host.target, content)]


def start(engine: Engine, content: str) -> None:
    engine.tell("network", "create", NETWORK)
    engine.tell("volume", "create", SCRATCH_VOLUME)
    for host in HOSTS:
        engine.tell(*run_words(engine, host, content))


def run_words(engine: Engine, host: Host, content: str) -> list[str]:
    """--privileged: HTCondor and Slurm change users and mounts; --init reaps what they orphan."""
    argv = ["run", "--detach", "--init", "--privileged", "--stop-timeout", "0", *engine.limits()]
    argv += ["--name", host.container, "--hostname", host.name]
    argv += ["--network", NETWORK, "--network-alias", host.name]
    if host.scratch:
        argv += ["--volume", f"{SCRATCH_VOLUME}:/pscratch"]
    return [*argv, image_name(host.target, content), f"{START_SCRIPTS}/start-{host.name}"]


def hand_out_tokens(testbed: Testbed) -> None:
    """By the first the Access Point's daemons join the pool, by the second the pilots do."""
    daemons = create_token(testbed, "condor@testbed")
    put_secret(testbed, "ap", ("/etc/condor/tokens.d/pool", "root"), daemons)
    rights = ("-authz", "ADVERTISE_STARTD", "-authz", "ADVERTISE_MASTER")
    pilots = create_token(testbed, "glidein-perlmutter@testbed", rights)
    put_secret(testbed, "ap", ("/pscratch/glidein/credentials/pool.token", "glidein"), pilots)


def create_token(
    testbed: Testbed, identity: str, rights: Sequence[str] = (), host: str = "cm"
) -> str:
    """An IDTOKEN of the pool, or of ap; asked again until that host has made its key."""
    key = () if host == "cm" else ("-key", "AP")
    argv = ("condor_token_create", "-identity", identity, *key, *rights)
    return wait_until(f"a token for {identity}", lambda: testbed.run(host, *argv).out, 30)


def put_secret(testbed: Testbed, host: str, place: tuple[str, str], text: str) -> None:
    """Write `text` to a path for an owner, mode 0600, once start-up has made the directory."""
    script = (
        'umask 077; n=0; until [ -d "${1%/*}" ]; do n=$((n + 1)); [ $n -lt 300 ]; sleep 0.1; done; '
        'cat >"$1.new"; chown "$2:" "$1.new"; mv "$1.new" "$1"'
    )
    testbed.tell(host, "sh", "-e", "-c", script, "sh", *place, stdin=text)


def remove(engine: Engine) -> None:
    """Containers, network and volume; nothing of them is left, or StepFailed says what."""
    for host in ALL_HOSTS:
        engine.ask("rm", "--force", host.container, timeout_s=60)
    engine.ask("network", "rm", NETWORK)
    engine.ask("volume", "rm", "--force", SCRATCH_VOLUME)
    left = [host.container for host in ALL_HOSTS if engine.has("container", host.container)]
    left += [NETWORK] if engine.has("network", NETWORK) else []
    left += [SCRATCH_VOLUME] if engine.has("volume", SCRATCH_VOLUME) else []
    if left:
        raise StepFailed(f"still there: {', '.join(left)}. See `{engine.name} ps -a`; try again")
