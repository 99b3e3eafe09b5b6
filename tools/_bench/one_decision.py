# SPDX-License-Identifier: Apache-2.0
"""One decision about a made-up world; started by decision.py."""

import gc

gc.disable()  # as glidein-provisioner does

import json  # noqa: E402
import resource  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from condor_plugins.pool.answers import read_answers, write_answers  # noqa: E402  # isort: skip
from condor_plugins.core.asking import pairs  # noqa: E402
from condor_plugins.core.decide import decide  # noqa: E402
from condor_plugins.core.matching import Matcher  # noqa: E402
from condor_plugins.core.plan import Memory  # noqa: E402
from condor_plugins.core.snapshot import Snapshot  # noqa: E402

START_S = time.process_time()

from _bench.made_up import Sizes, made_kinds, made_policy, made_slots  # noqa: E402

NOW_S = 1_795_000_000.0


def main(state: str, sizes: Sizes) -> dict[str, float]:
    before_s = time.process_time()
    policy = made_policy(sizes)
    configuration_s = time.process_time() - before_s
    kinds, slots = tuple(made_kinds(sizes)), tuple(made_slots(sizes))
    seen = Snapshot(NOW_S, kinds, slots, collector_age_s=1e6)
    digests = {(group.name, entry.name): "bench" for group, entry in pairs(policy)}
    begin_s = time.process_time()
    matcher = Matcher(read_answers(state))
    plan = decide(seen, policy, digests, Memory(), matcher)
    write_answers(state, matcher.kept)
    return {
        "cpu_s": START_S + time.process_time() - begin_s,
        "start_s": START_S,
        "configuration_s": configuration_s,
        "evaluated": matcher.evaluated,
        "pilots": sum(one.granted for one in plan.requests),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


if __name__ == "__main__":
    json.dump(main(sys.argv[1], Sizes(**json.loads(sys.argv[2]))), sys.stdout)
