"""The modules that `make native-sanitize` compiles, which stop at what C leaves undefined.

That it is these that run is shown here, and that they would tell. Without that target, and its
variable, there is nothing to show.
"""

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from trunkline._choice import COMPILED

if "TRUNKLINE_SANITIZED" not in os.environ:
    pytest.skip("for `make native-sanitize`", allow_module_level=True)

DIRECTORY = Path(os.environ["TRUNKLINE_SANITIZED"]).resolve()

# What a module calls that was compiled with them.
CALLED = (b"__asan_report_load", b"__ubsan_handle_")

BEYOND_THE_END = "import ctypes; ctypes.string_at(ctypes.create_string_buffer(1), 4096)"

USES_THEM = "import trunkline; from trunkline._core import newlines; print(newlines.__file__)"


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


@pytest.mark.parametrize("name", COMPILED)
def test_each_compiled_module_is_one_of_them(name: str) -> None:
    path = import_module(f"trunkline.{name}").__file__
    assert path is not None
    assert Path(path).is_relative_to(DIRECTORY)
    machine_code = Path(path).read_bytes()
    assert all(each in machine_code for each in CALLED)


def test_programs_that_tests_start_use_them_too() -> None:
    ended = run(USES_THEM)
    assert Path(ended.stdout).is_relative_to(DIRECTORY), ended.stderr


def test_what_reads_beyond_the_end_is_stopped() -> None:
    ended = run(BEYOND_THE_END)
    assert ended.returncode
    assert "AddressSanitizer: heap-buffer-overflow" in ended.stderr
