"""What must hold before a release, beside the tests: packages that install anywhere.

Builds the source distribution and the wheel where there is no Node, installs the wheel into
fresh environments, and uses it there: with the pinned packages, the oldest and the newest
JupyterLab, every Python that is here, the lowest versions that are promised, and as the
Dockerfile does; then has Docker or Podman build the image. ``make release-check`` runs it. What
cannot run on this machine is told.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from commands import (
    BARE_PATH,
    ROOT,
    CheckFailedError,
    Environment,
    NotRunError,
    pinned,
    run,
)
from dockerfile import run_image
from image_build import build_image
from jupyterlab_releases import NEWEST, OLDEST, check_release, check_served
from resolutions import check_lowest, check_python, other_pythons

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

Check = tuple[str, Callable[[], str]]


def main() -> int:
    """Run the checks whose names have one of the given words, or all; 1 if one has failed."""
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        # Also for the user without rights that the Dockerfile's steps are run as.
        scratch.chmod(0o755)
        needed, others = checks(scratch)
        words = sys.argv[1:]
        chosen = [check for check in others if not words or _has_one(check[0], words)]
        results = [attempt(*check) for check in (*needed, *chosen)]
    not_run = [name for name, result in results if result == "not run"]
    failed = [name for name, result in results if result == "failed"]
    if not_run:
        print(f"Not run on this machine: {', '.join(not_run)}.")
    if failed:
        print(f"FAILED: {', '.join(failed)}.")
        return 1
    print("What was run holds. What is left is in docs/releasing.md.")
    return 0


def _has_one(name: str, words: Sequence[str]) -> bool:
    # What follows a colon rests on what is before it in the same group.
    group = name.partition(":")[0]
    return any(word in group for word in words)


def checks(scratch: Path) -> tuple[Sequence[Check], Sequence[Check]]:
    """Return the checks on which all others rest, and those others."""
    own, dist = Environment(scratch / "pinned"), scratch / "dist"
    needed: list[Check] = [
        ("one version", check_version),
        ("packages without Node", lambda: build(dist)),
    ]
    others: list[Check] = [
        ("pinned: install", lambda: install(own, dist)),
        ("pinned: pip check", lambda: own.run("-m", "pip", "check")),
        ("pinned: %load_ext", lambda: own.run("-m", "IPython", "-c", LOAD)),
        ("pinned: JupyterLab's list", lambda: check_labextension(own)),
        ("pinned: pages", lambda: check_served(own)),
        ("pinned: licences", lambda: write_licences(own)),
        ("oldest JupyterLab", lambda: check_release(scratch / "oldest", wheel(dist), OLDEST)),
        ("newest JupyterLab", lambda: check_release(scratch / "newest", wheel(dist), NEWEST)),
        ("lowest versions", lambda: check_lowest(scratch / "lowest", wheel(dist))),
    ]
    for version, python in other_pythons().items():
        folder = scratch / version

        def check(folder: Path = folder, python: str = python) -> str:
            return check_python(folder, wheel(dist), python=python)

        others.append((f"Python {version}", check))
    others.append(("Dockerfile", lambda: run_image(scratch / "image")))
    others.append(("image", lambda: build_image(scratch / "container")))
    return needed, others


def attempt(name: str, check: Callable[[], str]) -> tuple[str, str]:
    """Run a check and tell how it ended; return its name and that."""
    print(f"{name} …", flush=True)
    try:
        print(f"{name}: {check()}", flush=True)
    except CheckFailedError as error:
        print(f"{name}: FAILED\n{error}", flush=True)
        return name, "failed"
    except NotRunError as why:
        print(f"{name}: NOT RUN: {why}", flush=True)
        return name, "not run"
    return name, "holds"


def check_version() -> str:
    """Compare the versions of the package, the labextension, the changelog and the tags."""
    source = (ROOT / "codeface_jupyter" / "version.py").read_text("utf-8")
    match = re.search(r'"(\d[^"]*)"', source)
    version = match[1] if match else ""
    for name in ("package.json", "package-lock.json"):
        found = json.loads((ROOT / "labextension" / name).read_text("utf-8"))["version"]
        if found != version:
            raise CheckFailedError(f"labextension/{name} says {found}, the package {version}.")
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    if not re.search(rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$", changes, re.M):
        if is_tagged(version):
            raise CheckFailedError(f"v{version} is tagged, and CHANGELOG.md does not date it.")
        return f"{version}, not yet dated in the changelog and not tagged"
    if re.search(r"^## \[Unreleased\]\s+[^#\s]|^## \[Unreleased\]\s+###", changes, re.M):
        return (
            f"{version}, dated; but there are unreleased changes: they need a version of their own"
        )
    return f"{version}, dated in the changelog, {'' if is_tagged(version) else 'not '}tagged"


def is_tagged(version: str) -> bool:
    """Return whether git has a tag of the version; without git nothing has."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        return False
    return bool(run(["git", "tag", "--list", f"v{version}"], env=dict(os.environ)))


def build(dist: Path) -> str:
    """Build both packages; return their names."""
    run(
        [sys.executable, "-m", "hatchling", "build", "--directory", str(dist)],
        env={"PATH": BARE_PATH, "HOME": str(dist.parent)},
    )
    return ", ".join(sorted(file.name for file in dist.iterdir()))


def wheel(dist: Path) -> Path:
    """Return the wheel that was built."""
    (found,) = dist.glob("*.whl")
    return found


def install(own: Environment, dist: Path) -> str:
    """Install the wheel with the extras that the README names; PyTorch's small build first."""
    own.create()
    own.install(pinned("torch"))
    own.install(f"codeface-jupyter[{EXTRAS}] @ {wheel(dist).as_uri()}")
    return f"{wheel(dist).name} with [{EXTRAS}]"


def check_labextension(own: Environment) -> str:
    """Find the labextension among those that JupyterLab takes."""
    listed = own.run("-m", "jupyter", "labextension", "list")
    line = next((line for line in listed.splitlines() if "codeface-jupyter" in line), "")
    if "OK" not in line or "enabled" not in line:
        raise CheckFailedError(listed)
    return re.sub(r"\x1b\[\d+m", "", line).strip()


def write_licences(own: Environment) -> str:
    """List what is installed and under which licence, in ``build/licences.md``."""
    table = own.run("-c", LICENCES)
    file = ROOT / "build" / "licences.md"
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"| package | version | licence |\n| --- | --- | --- |\n{table}\n", "utf-8")
    return f"{table.count(chr(10)) + 1} packages, in {file.relative_to(ROOT)}"


if __name__ == "__main__":
    sys.exit(main())
