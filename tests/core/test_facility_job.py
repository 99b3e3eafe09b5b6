# SPDX-License-Identifier: Apache-2.0
"""Pilots of an entry at a facility: what they ask for arrives, what cannot is not submitted."""

from typing import Any

import pytest

from condor_plugins.core.errors import Misconfigured
from condor_plugins.core.facility_job import KNOWN, facility_attributes, wrong_submit
from condor_plugins.core.pilot_job import render
from condor_plugins.core.resources import Resources
from tests.core.building import entry, expression, group, record
from tests.core.test_pilot_job import CREDENTIAL, FACTORY, HOSTILE, expanded

AT = {"facility": "NERSC", "grid_resource": "batch nersc"}


def told(**changes: Any) -> list[str]:
    return [str(one) for one in wrong_submit(entry(**(AT | changes)))]


def test_the_shape_reaches_the_facility_by_remote_attributes() -> None:
    one = entry(**AT, nodes=2, shape=Resources(64, 16_000, 20_000, 4))
    commands = render(one, group(), CREDENTIAL, FACTORY).commands
    assert {name: text for name, text in commands.items() if name.startswith("MY.remote_")} == {
        "MY.remote_RequestCpus": '"64"',
        "MY.remote_RequestGPUs": '"4"',
        "MY.remote_NodeNumber": '"2"',
    }
    assert "MY.BatchExtraSubmitArgs" not in commands
    assert (commands["request_memory"], commands["batch_runtime"]) == ("16000", "3600")


def test_what_the_entry_gives_goes_as_it_is_or_as_remote() -> None:
    given = record(
        BatchQueue="regular",
        batchproject="m1234",
        BatchConstraint="gpu&hbm80g",
        BatchLicenses="cfs:1,scratch:1",
        BatchExtraSubmitArgs="--exclusive --comment=a",
        NodeNumber=3,
    )
    assert facility_attributes(entry(**AT, submit=given)) == {
        "BatchQueue": '"regular"',
        "BatchProject": '"m1234"',
        "remote_BatchConstraint": '"gpu&hbm80g"',
        "remote_BatchLicenses": '"cfs:1,scratch:1"',
        "BatchExtraSubmitArgs": '"--exclusive --comment=a"',
        "remote_NodeNumber": '"3"',
        "remote_RequestCpus": '"8"',
    }


def test_an_expression_is_handed_over_as_what_it_is_now() -> None:
    given = {"BatchProject": expression('strcat("m", "1")'), "NodeNumber": expression("1 + 1")}
    found = facility_attributes(entry(**AT, submit=given))
    assert (found["BatchProject"], found["remote_NodeNumber"]) == ('"m1"', '"2"')


def test_attributes_of_the_job_itself_go_with_it() -> None:
    job = render(entry(**AT, submit=record(AcctGroup="$(x)")), group(), CREDENTIAL, FACTORY)
    assert expression(expanded(job, "MY.AcctGroup")).eval() == "$(x)"
    assert told(submit=record(AcctGroup="a"))[0].startswith(
        "GLIDEIN_ENTRY_A: Submit: AcctGroup does not reach a facility; known: Batch"
    )


@pytest.mark.parametrize("name", ["RequestDisk", "HostNumber", "JobBatchName"])
def test_what_is_near_a_known_one_by_chance_is_only_told(name: str) -> None:
    (found,) = wrong_submit(entry(**AT, submit=record(**{name: 1})))
    assert (found.severity, "did you mean" in found.text) == ("warning", False)
    assert facility_attributes(entry(**AT, submit=record(**{name: 1})))[name] == "1"


@pytest.mark.parametrize("name", [one for one in KNOWN if one.startswith("Batch")])
@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_that_blahpd_dies_of_is_not_submitted(name: str, text: str) -> None:
    with pytest.raises(Misconfigured, match=f"Submit: {name}"):
        render(entry(**AT, submit={name: text}), group(), CREDENTIAL, FACTORY)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"submit": record(BatchQueue="it`id`s")},
            "Submit: BatchQueue 'it`id`s' cannot be carried to the batch system because of '`'",
        ),
        ({"submit": record(BatchExtraSubmitArgs="a  b")}, "because of 'its blanks'"),
        ({"submit": record(BatchExtraSubmitArgs="a 'b'")}, 'because of "\'"'),
        ({"submit": record(BatchQeue="a")}, "does not reach a facility; did you mean BatchQueue?"),
        ({"submit": record(BatchQueue="")}, "Submit: BatchQueue should be a text, is "),
        ({"submit": {"BatchQueue": expression("Owner")}}, "BatchQueue should be a text, is Owner"),
        ({"submit": record(NodeNumber=0)}, "NodeNumber should be a whole number, at least 1, is 0"),
        ({"submit": record(NodeNumber=True)}, "NodeNumber should be a whole number"),
        ({"pilot_dir": "/a b"}, "PilotDir: '/a b' has characters that blahpd does not carry"),
        ({"log_dir": "/$(HOME)"}, "LogDir: '/$(HOME)' has characters"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], words: str) -> None:
    (found,) = told(**changes)
    assert words in found
    with pytest.raises(Misconfigured):
        facility_attributes(entry(**(AT | changes)))


def test_another_grid_type_is_no_way_to_a_facility() -> None:
    for resource in ("batch slurm", "condor nersc nersc", "batch nerscs"):
        one = entry(facility="nersc", grid_resource=resource)
        assert not one.at_facility
        commands = render(one, group(), CREDENTIAL, FACTORY).commands
        assert not any("remote_" in name for name in commands)
