"""What cannot be installed is noted with its reason and stops nobody."""

from pathlib import Path

import pytest

from bench import facts, peers
from bench.model import Contestant

pytestmark = pytest.mark.thorough


@pytest.mark.slow
def test_a_package_that_cannot_be_installed_is_noted(tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("# a comment\n\n/nowhere/at/all # not there\n")
    environment = tmp_path / "environment"
    peers.install_peers(environment, requirements)
    assert (environment / "bin" / "python").exists()
    reason = peers.why_not_installed("/nowhere/at/all", environment)
    assert reason is not None
    assert "/nowhere/at/all" in reason


def test_nothing_is_known_of_an_environment_of_another_kind(tmp_path: Path) -> None:
    assert peers.why_not_installed("uvloop", tmp_path) is None


def test_who_cannot_be_imported_is_absent_with_the_reason() -> None:
    field = [
        Contestant(
            library=module, interface="echo", services=("echo",), program="none", requires=(module,)
        )
        for module in ("socketserver", "surely_not_installed")
    ]
    assert facts.find_absent(field) == {
        "surely_not_installed-echo": ("ModuleNotFoundError: No module named 'surely_not_installed'")
    }


def test_the_installers_reason_comes_before_the_interpreters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(facts, "why_not_installed", lambda package: f"{package} wants more")
    contestant = Contestant(
        library="l", interface="i", services=("echo",), program="none", requires=("not_here",)
    )
    assert facts.find_absent([contestant]) == {"l-i": "not_here wants more"}


def test_versions_are_told() -> None:
    field = [
        Contestant(library="l", interface="i", services=("echo",), program="p", requires=modules)
        for modules in (("pytest",), ("asyncio",), ("asyncio", "nothing_at_all"))
    ]
    assert facts.describe_versions(field) == {
        "asyncio": "part of Python",
        "nothing_at_all": "unknown",
        "pytest": pytest.__version__,
    }
