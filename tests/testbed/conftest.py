# SPDX-License-Identifier: Apache-2.0
"""The running testbed for system tests: clean before each test, its logs kept when one fails.

Run by `tools/testbed test`, or against a testbed that is up: `pytest -m testbed tests/testbed`.
"""

from collections.abc import Generator
from pathlib import Path

import pytest
from _testbed.alone import alone
from _testbed.engine import find_engine
from _testbed.facts import missing_facts
from _testbed.inside import Testbed
from _testbed.logs import save_logs
from _testbed.places import HOST_NAMES
from _testbed.pool import Pool
from _testbed.progress import Progress

from tests.testbed.cleaning import make_clean

LOGS = Path(__file__).resolve().parents[1] / ".logs"
TIMEOUT_S = 300


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test below this directory needs the testbed, and more time than a fast one."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.testbed)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(TIMEOUT_S))


@pytest.fixture(scope="session")
def testbed() -> Generator[Testbed]:
    """The three hosts, up and complete, with nobody else at work in them."""
    with alone(Progress()):
        engine = find_engine()
        found = Testbed(engine) if engine else None
        if found is None or not all(found.is_running(name) for name in HOST_NAMES):
            pytest.exit("the testbed is not up: run `tools/testbed up` first", returncode=1)
        if missing := missing_facts(found):
            pytest.exit(f"the testbed is not complete: no {', '.join(missing)}", returncode=1)
        yield found


class Cleanliness:
    """Whether the last test left the pool clean; nobody else is at work in it."""

    known = False


@pytest.fixture(scope="session")
def cleanliness() -> Cleanliness:
    return Cleanliness()


@pytest.fixture
def pool(testbed: Testbed, cleanliness: Cleanliness) -> Generator[Pool]:
    """The pool without jobs, pilots, slots, with the entries as installed; left so, too."""
    pool = Pool(testbed)
    if not cleanliness.known:
        make_clean(pool)
    cleanliness.known = False
    yield pool
    make_clean(pool)
    cleanliness.known = True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep what the daemons said, before the pool is cleaned for the next test."""
    report = yield
    engine = find_engine() if report.failed and Path(__file__).parent in item.path.parents else None
    if engine is not None:
        directory = save_logs(Testbed(engine), LOGS / f"{item.name}-{report.when}")
        report.sections.append(("daemons' logs", f"kept in {directory}"))
    return report
