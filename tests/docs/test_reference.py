"""The reference has every public name, once, and the documentation builds without a warning."""

import os
import re
import subprocess
import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest
from docs.pages import DOCS, ROOT, pages

import trunkline
from trunkline import aio, evented, logs, metrics, names, paths
from trunkline.dialects import clisp

DIRECTIVE = re.compile(
    r"^\.\. (?:auto(?:class|data|exception|function)|py:class):: (?:trunkline\.)?(\w+)$", re.M
)
PARTS = ("myst_parser", "furo")
IS_INSTALLED = find_spec("sphinx") is not None and all(find_spec(name) for name in PARTS)


def test_the_reference_has_every_public_name_once() -> None:
    reference = [page for page in pages() if page.parent == DOCS / "reference"]
    described = Counter(
        name for page in reference for name in DIRECTIVE.findall(page.read_text(encoding="utf-8"))
    )
    assert sorted(described) == sorted(trunkline.__all__)
    assert set(described.values()) == {1}, described.most_common(3)


@pytest.mark.parametrize(
    "space", [aio, evented, logs, metrics, names, paths, clisp], ids=lambda space: space.__name__
)
def test_the_reference_has_what_is_imported_from_elsewhere(space: ModuleType) -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in (DOCS / "reference").glob("*.md"))
    described = re.findall(
        rf"^\.\. auto(?:class|data|exception|function):: {re.escape(space.__name__)}\.(\w+)$",
        text,
        re.M,
    )
    assert sorted(described) == sorted(space.__all__)


def test_every_page_is_found_from_the_first_one() -> None:
    found = {DOCS / "index.md"}
    to_read = [*found]
    while to_read:
        page = to_read.pop()
        for block in re.findall(
            r"^```\{toctree\}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.M
        ):
            entries = [line for line in block.splitlines() if line and not line.startswith(":")]
            below = {(page.parent / entry).with_suffix(".md") for entry in entries} - found
            found |= below
            to_read += below
    assert found == {page for page in pages() if page.is_relative_to(DOCS)}


@pytest.mark.thorough
@pytest.mark.timeout(240)
@pytest.mark.skipif(not IS_INSTALLED, reason="Sphinx, MyST and Furo are not installed: `make docs`")
def test_the_documentation_builds_without_a_warning(tmp_path: Path) -> None:
    options = ["-W", "--keep-going", "-n", "-q", "-d", str(tmp_path / "doctrees")]
    build = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, str(DOCS), str(tmp_path / "html")],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "TRUNKLINE_IMPL": "pure"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert build.returncode == 0, build.stderr
    reference = "".join(
        page.read_text(encoding="utf-8") for page in (tmp_path / "html/reference").glob("*.html")
    )
    missing = [name for name in trunkline.__all__ if f'id="trunkline.{name}"' not in reference]
    assert not missing
    assert 'href="../reference/sockets.html#trunkline.make_socket"' in (
        tmp_path / "html/guide/sockets.html"
    ).read_text(encoding="utf-8")
    assert_options_are_folded(tmp_path / "html/reference/sockets.html")


def assert_options_are_folded(page: Path) -> None:
    """Of many arguments those that have a place are seen, and the rest on request."""
    text = page.read_text(encoding="utf-8")
    signature = text[text.index('id="trunkline.make_socket"') :]
    signature = signature[: signature.index("</dt>")]
    summary, _, options = signature.partition("</summary>")
    assert "(remote_host, remote_port, " in summary
    assert "nodelay" not in summary
    assert "nodelay" in options[: options.index("</details>")]
    short = text[text.index('id="trunkline.make_socket_pair"') :]
    assert "<details" not in short[: short.index("</dt>")]
