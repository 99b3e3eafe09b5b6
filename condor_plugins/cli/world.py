# SPDX-License-Identifier: Apache-2.0
"""Everything that the commands ask of the outside, in one place; tests put another in its place."""

import os
import pwd
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, Protocol

import classad2

from condor_plugins.cli import gateway
from condor_plugins.cli.host import batch_types, file_fact
from condor_plugins.core.host_facts import FileFact
from condor_plugins.core.plan import Memory
from condor_plugins.core.policy import Policy
from condor_plugins.core.snapshot import Snapshot
from condor_plugins.pool import configuration, plan_file
from condor_plugins.pool.collector import Collector
from condor_plugins.pool.configuration import Place
from condor_plugins.pool.factory import Pilots, render_pilots
from condor_plugins.pool.observing import observe
from condor_plugins.pool.schedd import Schedd


class World(Protocol):
    """What a command may ask. Whatever gives no answer raises TryAgain."""

    def now_s(self) -> float: ...

    def user(self) -> str:
        """Who runs the command."""
        ...

    def texts(self) -> Mapping[str, str]:
        """The GLIDEIN_ knobs, as pool.configuration.knob_texts gives them."""
        ...

    def knob(self, name: str) -> str:
        """One knob of HTCondor's own."""
        ...

    def reread(self) -> None:
        """Take in configuration files that have changed."""
        ...

    def places(self, timeout_s: float) -> Mapping[str, Place]: ...

    def file(self, path: str) -> FileFact: ...

    def batch_types(self, wanted: Iterable[str]) -> frozenset[str]:
        """Those of these types of grid type batch that this host has a helper or a GAHP for."""
        ...

    def schedd_name(self) -> str: ...

    def pilots(self, policy: Policy) -> Pilots: ...

    def snapshot(self, policy: Policy) -> Snapshot: ...

    def memory(self, policy: Policy) -> Memory: ...

    def last_plan(self, policy: Policy) -> Mapping[str, Any]:
        """The document of the provisioner's last cycle; empty when there is none."""
        ...

    def glidein_slots(self) -> list[classad2.ClassAd]: ...

    def job(self, job_id: str) -> classad2.ClassAd | None: ...

    def cluster_states(self, cluster: int) -> list[classad2.ClassAd]: ...

    def gateway_state(self, policy: Policy, facility: str) -> Mapping[str, Any] | None:
        """What a facility's gateway left; empty: nothing. None: this account may not look."""
        ...

    def facility_test(self, policy: Policy, facility: str, timeout_s: float) -> Iterator[str]:
        """Lines of `glidein-gateway test`, as they come."""
        ...


class HTCondor:
    """The World of this host: its configuration, its schedd, its pool."""

    def now_s(self) -> float:
        return time.time()

    def user(self) -> str:
        name = pwd.getpwuid(os.getuid()).pw_name
        behind = os.environ.get("SUDO_USER", "")
        return f"{behind} (as {name})" if behind else name

    def texts(self) -> Mapping[str, str]:
        return configuration.knob_texts()

    def knob(self, name: str) -> str:
        return configuration.knob(name)

    def reread(self) -> None:
        configuration.reread()

    def places(self, timeout_s: float) -> Mapping[str, Place]:
        return configuration.places(timeout_s)

    def file(self, path: str) -> FileFact:
        return file_fact(path)

    def batch_types(self, wanted: Iterable[str]) -> frozenset[str]:
        return batch_types(wanted, self.knob)

    def schedd_name(self) -> str:
        return self._schedd.name

    def pilots(self, policy: Policy) -> Pilots:
        return render_pilots(policy, self._schedd.name, self.knob("TRUST_DOMAIN"))

    def snapshot(self, policy: Policy) -> Snapshot:
        before = self.memory(policy)
        return observe(self._schedd, self._collector, policy, self.now_s(), before)

    def memory(self, policy: Policy) -> Memory:
        return plan_file.read_memory(policy.settings.state_dir)

    def last_plan(self, policy: Policy) -> Mapping[str, Any]:
        return plan_file.read_plan(policy.settings.state_dir)

    def glidein_slots(self) -> list[classad2.ClassAd]:
        return self._collector.glidein_slots()

    def job(self, job_id: str) -> classad2.ClassAd | None:
        return self._schedd.job(job_id)

    def cluster_states(self, cluster: int) -> list[classad2.ClassAd]:
        return self._schedd.cluster_states(cluster)

    def gateway_state(self, policy: Policy, facility: str) -> Mapping[str, Any] | None:
        return gateway.state(policy.settings, facility)

    def facility_test(self, policy: Policy, facility: str, timeout_s: float) -> Iterator[str]:
        program_dir = self.texts().get("GLIDEIN_BIN", "")
        return gateway.lines_of_test(policy.settings, program_dir, facility, timeout_s)

    @cached_property
    def _schedd(self) -> Schedd:
        return Schedd()

    @cached_property
    def _collector(self) -> Collector:
        return Collector()
