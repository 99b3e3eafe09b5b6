# SPDX-License-Identifier: Apache-2.0
"""Amounts: what fits, what is left."""

from condor_plugins.core.resources import Resources


def test_the_scarcest_resource_decides_how_many_fit() -> None:
    assert Resources(8, 16_000, 20_000).holds(Resources(1, 5_500, 10)) == 2


def test_a_resource_that_is_not_asked_for_does_not_limit() -> None:
    assert Resources(8, 0, 0).holds(Resources(2)) == 4


def test_a_resource_that_is_not_there_holds_nothing() -> None:
    assert Resources(8, 16_000, 20_000, gpus=0).holds(Resources(1, gpus=1)) == 0


def test_what_is_left() -> None:
    whole = Resources(8, 16_000, 20_000)
    assert whole.less(Resources(1, 5_000, 10), 2) == Resources(6, 6_000, 19_980)


def test_covering_is_holding_at_least_one() -> None:
    free = Resources(2, 4_000, 100, 0)
    for each in (Resources(1, 500), Resources(3), Resources(1, 4_001), Resources(1, gpus=1)):
        assert free.covers(each) == (free.holds(each) > 0)
