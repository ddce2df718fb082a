"""Recorded streams, cut by FIN and RST at and beside event boundaries and at 2 % of their bytes."""

from collections.abc import Iterator

import pytest

from campaigns.cuts import CUT_STREAMS, find_violations, plan_cuts
from tests.support.loopback import Loopback


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Loopback, Loopback]]:
    with Loopback() as first, Loopback() as second:
        yield first, second


@pytest.mark.parametrize("name", CUT_STREAMS)
async def test_no_cut_answer_passes_as_complete(
    name: str, servers: tuple[Loopback, Loopback]
) -> None:
    cuts = list(plan_cuts(name, 0.02, seed=1))
    assert cuts
    assert await find_violations(name, cuts, servers) == []
