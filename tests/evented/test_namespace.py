"""The namespace as a whole: what is in it, and that all of it is documented."""

import re
import subprocess
import sys
from collections import Counter

from docs.pages import DOCS

from trunkline import evented

DIRECTIVE = re.compile(r"^\.\. auto(?:class|exception|function):: trunkline\.evented\.(\w+)$", re.M)


def test_the_reference_has_every_name_once() -> None:
    text = (DOCS / "reference" / "evented.md").read_text(encoding="utf-8")
    described = Counter(DIRECTIVE.findall(text))
    assert sorted(described) == sorted(evented.__all__)
    assert set(described.values()) == {1}, described.most_common(3)


def test_the_guide_names_only_what_there_is() -> None:
    text = (DOCS / "guide" / "evented.md").read_text(encoding="utf-8")
    names = re.findall(r"\bevented\.(\w+)\(", text)
    assert names
    assert set(names) <= set(evented.__all__)


def test_importing_it_imports_neither_asyncio_nor_ssl() -> None:
    script = "import trunkline.evented, sys; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-Ic", script], check=True, capture_output=True, text=True
    )
    assert "trunkline.evented.loop" in run.stdout.split()
    assert not {"asyncio", "ssl", "subprocess", "concurrent.futures"} & {*run.stdout.split()}
