"""Every recorded stream, cut by FIN and RST at its event boundaries, beside them, and at 2 % of its bytes."""

from collections.abc import Iterator

import pytest

from campaigns.cuts import CUT, planned, violations
from tests.support.loopback import Loopback


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Loopback, Loopback]]:
    with Loopback() as first, Loopback() as second:
        yield first, second


@pytest.mark.parametrize("name", CUT)
async def test_no_cut_answer_passes_for_a_whole_one(
    name: str, servers: tuple[Loopback, Loopback]
) -> None:
    cuts = list(planned(name, 0.02, seed=1))
    assert cuts
    assert await violations(name, cuts, servers) == []
