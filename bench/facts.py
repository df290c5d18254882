"""What a reader must know to judge a result: the machine, the versions, who could not come."""

import importlib.metadata
import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from bench.model import Contestant
from bench.peers import why_not_installed
from bench.processes import ROOT, make_environment

PACKAGE = "trunkline"  # which is this tree's own

Facts = dict[str, dict[str, str]]
"""Headed groups of things and their values."""


def find_absent(contestants: Iterable[Contestant]) -> dict[str, str]:
    """Return the keys of those whose modules cannot be imported, with the reasons."""
    why_not = cache(_why_not_importable)
    absent = {}
    for contestant in contestants:
        for module in contestant.requires:
            if reason := why_not(module, contestant.environment):
                absent[contestant.key] = reason
                break
    return absent


def _why_not_importable(module: str, variables: tuple[tuple[str, str], ...]) -> str | None:
    """Return why a server could not import a module: in a process like a server's, not in ours."""
    done = subprocess.run(
        [sys.executable, "-c", f"import {module}"],
        cwd=ROOT,
        env=make_environment(variables),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return None
    return why_not_installed(module) or done.stderr.strip().splitlines()[-1]


def describe_machine(server_core: int, load_core: int) -> dict[str, str]:
    """Return what the machine is and which of its cores are used."""
    return {
        "processor": _processor(),
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "compiler": _compiler(),
        "server's core": str(server_core),
        "load's core": str(load_core),
        "date": datetime.now(UTC).date().isoformat(),
    }


def describe_versions(contestants: Iterable[Contestant]) -> dict[str, str]:
    """Return the version of every installed package that takes part."""
    versions = {}
    modules = {module for one in contestants for module in one.requires} - {PACKAGE}
    for module in sorted(modules):
        try:
            versions[module] = importlib.metadata.version(module)
        except importlib.metadata.PackageNotFoundError:
            versions[module] = "part of Python" if module in sys.stdlib_module_names else "unknown"
    return versions


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _compiler() -> str:
    command = [os.environ.get("CC", "cc"), "--version"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")[0]
