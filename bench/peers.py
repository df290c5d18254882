"""Installing the peers in a virtual environment: `python -m bench.peers [DIRECTORY]`.

It is made from the interpreter that runs this, and that is the interpreter of the harness and of
every Python server. A package that cannot be installed here is no error: the reason is written
down, and the benchmark lists its contestants as absent.
"""

import json
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent
ABSENT = "absent.json"
"""The file in the environment's directory that says what could not be installed, and why."""


def install_peers(directory: Path, requirements: Path = HERE / "requirements.txt") -> None:
    """Make a virtual environment and install what can be installed.

    Args:
        directory: Where; what is there is kept and brought up to date.
        requirements: A file with one requirement a line.
    """
    venv.create(directory, with_pip=True)
    absent = {}
    for line in requirements.read_text().splitlines():
        requirement = line.partition("#")[0].strip()
        if requirement and (reason := _install(directory, requirement)):
            print(f"absent: {requirement}: {reason}")
            absent[_name(requirement)] = reason
    (directory / ABSENT).write_text(json.dumps(absent, indent=2) + "\n")


def why_not_installed(package: str, prefix: Path | None = None) -> str | None:
    """Return why a package could not be installed in an environment, if that is known.

    Args:
        package: Its name.
        prefix: The environment's directory, by default that of this interpreter.
    """
    notes = (prefix or Path(sys.prefix)) / ABSENT
    if not notes.exists():
        return None
    reasons: dict[str, str] = json.loads(notes.read_text())
    return reasons.get(package)


def _install(directory: Path, requirement: str) -> str | None:
    """Install a package; return None, or the first thing that pip complained about."""
    python = str(directory / "bin" / "python")
    command = [python, "-m", "pip", "install", "--quiet", "--upgrade", requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return None
    complaints = [line for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
    return complaints[0].removeprefix("ERROR: ") if complaints else done.stderr.strip()


def _name(requirement: str) -> str:
    return requirement.split(">")[0].split("=")[0].strip()


if __name__ == "__main__":
    install_peers(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / ".venv")
