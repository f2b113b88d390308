"""Twenty seconds of one policy of `make soak-slow`, which has all of them for as long as one likes."""

from __future__ import annotations

import pytest

from tests.soak import slow

pytestmark = pytest.mark.long


def test_clients_that_stall_or_are_slow_cost_what_they_may_and_the_others_lose_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = slow.run(["drop-oldest"], 20)
    said = capsys.readouterr().out
    assert code == 0, said
