"""Examples that hypothesis makes: the same in each run, so that a change is the only reason why a test fails.

Use: `BRIDGE_TEST_EXPLORE=1 make test` has new ones each time.
"""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("repeated", derandomize=True, deadline=None)  # a busy machine is no reason either
settings.register_profile("explore", deadline=None)
settings.register_profile("quick", derandomize=True, deadline=None, max_examples=25)  # for `make check`
profile = "explore" if os.environ.get("BRIDGE_TEST_EXPLORE") else os.environ.get("BRIDGE_TEST_PROFILE", "repeated")
settings.load_profile(profile)
