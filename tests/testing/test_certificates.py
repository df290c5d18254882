"""Throw-away certificates: what they are in tests is seen to with TLS; here is what they take."""

import subprocess
import sys
from pathlib import Path

WITHOUT = """
import sys
sys.modules["trustme"] = None
from trunkline.testing.certificates import Authority
Authority(sys.argv[1])
"""


def test_without_trustme_it_is_told_how_to_get_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, tmp_path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.endswith(
        "ModuleNotFoundError: certificates take the extra testing: "
        "pip install 'trunkline[testing]'\n"
    )
