"""The tests' units of time, so that a slow machine needs one variable and no edited tests.

`TRUNKLINE_TEST_TIME_SCALE=5` makes every timeout under test five times as long. There are two kinds
of time: what a test waits for on purpose is a multiple of `MS`; how long it waits before it gives
up on something that must happen is `PATIENCE`, which costs nothing as long as all is well.
"""

import os

SCALE = float(os.environ.get("TRUNKLINE_TEST_TIME_SCALE", "1"))

MS = 0.001 * SCALE  # one millisecond, in seconds
PATIENCE = 10.0 * max(1.0, SCALE)  # seconds; a fast machine may be loaded too, so it never shrinks
