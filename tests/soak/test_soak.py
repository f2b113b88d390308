"""A minute of `make soak`, which has it for as long as one likes. Of `make soak-slow`: see test_slow.py."""

from __future__ import annotations

import os

import pytest

from tests.soak import faults


@pytest.mark.long
@pytest.mark.timeout(540)
def test_every_number_of_a_hundred_clients_on_a_breaking_network_is_accounted_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = faults.run(float(os.environ.get("BRIDGE_TEST_SECONDS", "60")), faults.CLIENTS, seed=1)
    said = capsys.readouterr().out
    assert code == 0, said
