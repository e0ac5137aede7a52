"""What must hold before a release, beside the tests: packages that install anywhere.

Builds the source distribution and the wheel where there is no Node, installs the wheel into a
fresh environment, and uses it there. ``make release-check`` runs it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Where no Node can be.
BARE_PATH = os.defpath
EXTRAS = "lab,openvino"
LOAD = "get_ipython().run_line_magic('load_ext', 'codeface_jupyter'); print('loaded')"
LICENCES = """
from importlib.metadata import distributions
for dist in sorted(distributions(), key=lambda dist: dist.name.lower()):
    data = dist.metadata
    kinds = [c.rpartition(' :: ')[2] for c in data.get_all('Classifier', []) if 'License' in c]
    text = data.get('License-Expression') or ', '.join(kinds) or data.get('License') or 'unknown'
    print(f'| {dist.name} | {dist.version} | {text.splitlines()[0][:80]} |')
"""


class CheckFailedError(Exception):
    """Something does not hold; the text says what."""


def main() -> int:
    """Run all checks, and return 1 if one has failed."""
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        checks: Sequence[tuple[str, Callable[[], str]]] = (
            ("one version", check_version),
            ("packages without Node", lambda: build(scratch)),
            ("a fresh environment", lambda: install(scratch)),
            ("pip check", lambda: in_environment(scratch, "-m", "pip", "check")),
            ("%load_ext", lambda: in_environment(scratch, "-m", "IPython", "-c", LOAD)),
            ("JupyterLab's list", lambda: check_labextension(scratch)),
            ("licences", lambda: write_licences(scratch)),
        )
        for name, check in checks:
            try:
                print(f"{name}: {check()}", flush=True)
            except CheckFailedError as error:
                print(f"{name}: FAILED\n{error}", flush=True)
                return 1
    print("Everything holds. What is left: CHANGELOG's date, the tag, the upload.")
    return 0


def check_version() -> str:
    """Compare the package's version with the labextension's, and find it in the changelog."""
    source = (ROOT / "codeface_jupyter" / "version.py").read_text("utf-8")
    match = re.search(r'"(\d[^"]*)"', source)
    version = match[1] if match else ""
    for name in ("package.json", "package-lock.json"):
        found = json.loads((ROOT / "labextension" / name).read_text("utf-8"))["version"]
        if found != version:
            raise CheckFailedError(f"labextension/{name} says {found}, the package {version}.")
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    if not re.search(rf"^## \[(?:{re.escape(version)}|Unreleased)\]", changes, re.M):
        raise CheckFailedError(f"CHANGELOG.md has neither {version} nor Unreleased.")
    return version


def build(scratch: Path) -> str:
    """Build both packages; return their names."""
    run(
        [sys.executable, "-m", "hatchling", "build", "--directory", str(scratch / "dist")],
        env={"PATH": BARE_PATH, "HOME": str(scratch)},
    )
    return ", ".join(sorted(file.name for file in (scratch / "dist").iterdir()))


def install(scratch: Path) -> str:
    """Install the wheel with the extras that the README names; PyTorch's small build first."""
    venv.create(scratch / "venv", with_pip=True)
    (wheel,) = (scratch / "dist").glob("*.whl")
    constraints = ROOT / "constraints.txt"
    torch = re.search(r"^torch==\S+", constraints.read_text("utf-8"), re.M)
    if torch is None:
        raise CheckFailedError("constraints.txt does not name torch.")
    pip = ["-m", "pip", "install", "--quiet", "--constraint", str(constraints)]
    in_environment(scratch, *pip, torch[0])
    in_environment(scratch, *pip, f"codeface-jupyter[{EXTRAS}] @ {wheel.as_uri()}")
    return f"{wheel.name} with [{EXTRAS}]"


def check_labextension(scratch: Path) -> str:
    """Find the labextension among those that JupyterLab takes."""
    listed = in_environment(scratch, "-m", "jupyter", "labextension", "list")
    line = next((line for line in listed.splitlines() if "codeface-jupyter" in line), "")
    if "OK" not in line:
        raise CheckFailedError(listed)
    return re.sub(r"\x1b\[\d+m", "", line).strip()


def write_licences(scratch: Path) -> str:
    """List what is installed and under which licence, in ``build/licences.md``."""
    table = in_environment(scratch, "-c", LICENCES)
    file = ROOT / "build" / "licences.md"
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"| package | version | licence |\n| --- | --- | --- |\n{table}\n", "utf-8")
    return f"{table.count(chr(10)) + 1} packages, in {file.relative_to(ROOT)}"


def in_environment(scratch: Path, *arguments: str) -> str:
    """Run the fresh environment's Python, away from the source tree, and return what it says."""
    python = scratch / "venv" / "bin" / "python"
    path = f"{python.parent}{os.pathsep}{BARE_PATH}"
    hidden = {"PATH": path, "HOME": str(scratch), "IPYTHONDIR": str(scratch / "ipython")}
    kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    return run([str(python), *arguments], env={**kept, **hidden}, cwd=scratch)


def run(command: Sequence[str], *, env: dict[str, str], cwd: Path = ROOT) -> str:
    """Run a command and return what it prints.

    Raises
    ------
    CheckFailedError
        If it fails.
    """
    done = subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).strip()
    if done.returncode:
        raise CheckFailedError(f"{' '.join(map(str, command))}\n{said}")
    return said


if __name__ == "__main__":
    sys.exit(main())
