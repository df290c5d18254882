"""Run CPython's own tests of event loops on ours: those of the Python that runs this.

They are imported from its `test` package, and run with each loop that they make replaced by ours.
What is left out stands in a table below, each with its reason.

    python tools/loop_tests.py              all of them
    python tools/loop_tests.py -k pipe      those with that in their names
    python tools/loop_tests.py --listing    what is left out, and why
"""

import argparse
import asyncio
import gc
import importlib
import signal
import sys
import unittest
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from trunkline.aio import EventLoop

PRIVATE = "looks into private attributes of CPython's loops"
PATCHED = "replaces the modules that CPython's loops are written with"

# Patterns of the names of tests, with the module and the class.
LEFT_OUT = {
    "test_events.*.test_timeout_rounding": f"{PRIVATE}: counts calls of _run_once",
    "test_events.*.test_internal_fds": f"{PRIVATE}: _internal_fds, _csock, _ssock",
    "test_events.*.test_create_server_multiple_hosts_ipv?": PATCHED,
    "test_ssl.*.test_flush_before_shutdown": f"{PRIVATE}: _ssl_protocol",
    "test_ssl.*.test_remote_shutdown_receives_*": f"{PRIVATE}: _test__append_write_backlog",
}
if sys.version_info < (3, 13):  # later ones have real connections
    LEFT_OUT["test_server.TestServer2.test_wait_closed*"] = f"{PRIVATE}: Server._attach"

# In test.test_asyncio: a module, a mixin or a test case of it, and how that gets its loop.
SUITES = (
    ("test_events", "EventLoopTestsMixin", "create_event_loop"),
    ("test_sock_lowlevel", "BaseSockTestsMixin", "create_event_loop"),
    ("test_server", "SelectorStartServerTests", "new_loop"),
    ("test_server", "TestServer2", "runner"),
    ("test_server", "UnixServerCleanupTests", "runner"),
    ("test_buffered_proto", "BaseTestBufferedProtocol", "new_loop"),
    ("test_sendfile", "SendfileTestsBase", "create_event_loop"),
    ("test_sslproto", "BaseStartTLS", "new_loop"),
    ("test_ssl", "TestSSL", "setUp"),
    ("test_streams", "StreamTests", "setUp"),
    ("test_subprocess", "SubprocessMixin", "loop"),
)


def make_case(module_name: str, name: str, way: str) -> type[unittest.TestCase] | None:
    """Return a test case on our loop, or None if this Python's tests have no such class."""
    module = importlib.import_module(f"test.test_asyncio.{module_name}")
    utils = importlib.import_module("test.test_asyncio.utils")
    mixin: Any = getattr(module, name, None)
    if mixin is None:
        return None
    if way == "runner":
        ways: dict[str, Any] = {"_setupAsyncioRunner": set_up_runner}
    elif way == "setUp":
        ways = {"setUp": lambda self: set_up_with_new_loops(self, mixin.setUp)}
    elif way == "loop":
        ways = {"setUp": lambda self: set_up_with_loop(self, utils.TestCase.setUp)}
    else:
        ways = {way: lambda self: EventLoop()}
    is_case = issubclass(mixin, unittest.TestCase)
    base = utils.TestCase if way in ("create_event_loop", "loop") else unittest.TestCase
    made = type(f"{module_name}.{name}", (mixin,) if is_case else (mixin, base), ways)
    made.__module__ = __name__
    made.__qualname__ = made.__name__
    return made


def set_up_runner(self: Any) -> None:
    """Do what `IsolatedAsyncioTestCase` does, with our loop."""
    self._asyncioRunner = asyncio.Runner(debug=True, loop_factory=EventLoop)


def set_up_with_new_loops(self: Any, set_up: Callable[[Any], None]) -> None:
    """Set a test up that calls `asyncio.new_event_loop`, to get ours."""
    replaced = mock.patch("asyncio.new_event_loop", EventLoop)
    replaced.start()
    self.addCleanup(replaced.stop)
    set_up(self)


def set_up_with_loop(self: Any, set_up: Callable[[Any], None]) -> None:
    """Set a test up that has a loop of its own."""
    gc.collect()  # one before it may have left a process with open pipes, which warns
    set_up(self)
    self.loop = EventLoop()
    self.set_event_loop(self.loop)


def reason_for(test: unittest.TestCase) -> str | None:
    """Return why a test is left out, or None if it is not."""
    name = ".".join(test.id().split(".")[-3:])
    return next((LEFT_OUT[pattern] for pattern in LEFT_OUT if fnmatchcase(name, pattern)), None)


def all_tests() -> Iterator[unittest.TestCase]:
    """Yield all tests that this Python has."""
    loader = unittest.TestLoader()
    for module, name, way in SUITES:
        case = make_case(module, name, way)
        if case is not None:
            yield from loader.loadTestsFromTestCase(case)  # type: ignore[misc]


def main() -> int:
    """Run the tests; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("-k", default="", metavar="TEXT", help="only tests with it in their names")
    parser.add_argument("-v", action="store_true", help="name each test")
    parser.add_argument("--listing", action="store_true", help="list what is left out, and why")
    args = parser.parse_args()
    # What runs in a shell's background inherits an ignored SIGINT, which the tests do not expect.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        importlib.import_module("test.test_asyncio.test_events")
    except ImportError as error:
        print(f"Skipped: this Python comes without its own tests ({error})")
        return 0
    tests = [test for test in all_tests() if args.k in test.id()]
    reasons = {test: reason_for(test) for test in tests}
    if args.listing:
        for test, reason in reasons.items():
            if reason is not None:
                print(f"{test.id().partition('.')[2]}: {reason}")
        return 0
    suite = unittest.TestSuite(test for test, reason in reasons.items() if reason is None)
    print(f"{suite.countTestCases()} of CPython's {len(tests)} tests of loops, on {EventLoop}")
    result = unittest.TextTestRunner(verbosity=2 if args.v else 1).run(suite)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
