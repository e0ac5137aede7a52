"""What is installed for JupyterLab, and from what."""

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from codeface_jupyter import __version__

ROOT = Path(__file__).parents[2]
BUNDLE = ROOT / "codeface_jupyter" / "labextension"
INSTALLED = "share/jupyter/labextensions/codeface-jupyter"


def test_jupyterlab_lists_it_as_ok(tmp_path):
    extensions = tmp_path / "labextensions"
    extensions.mkdir()
    (extensions / "codeface-jupyter").symlink_to(BUNDLE)
    own = {name: str(tmp_path / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR")}

    listed = subprocess.run(
        [sys.executable, "-m", "jupyter", "labextension", "list"],
        env={**os.environ, **own, "JUPYTER_PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    lines = re.sub(r"\x1b\[\d+m", "", listed.stdout + listed.stderr).splitlines()
    ours = [line for line in lines if line.strip().startswith("codeface-jupyter v")]
    assert [line.split()[:4] for line in ours] == [
        ["codeface-jupyter", f"v{__version__}", "enabled", "OK"]
    ]


def test_wheel_and_source_distribution_carry_it_built(tmp_path):
    # Neither may look for npm, so there is none.
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--directory", str(tmp_path)],
        cwd=ROOT,
        env={"PATH": os.defpath, "HOME": str(tmp_path)},
        capture_output=True,
        check=True,
    )

    (sdist,), (wheel,) = tmp_path.glob("*.tar.gz"), tmp_path.glob("*.whl")
    with tarfile.open(sdist) as archive:
        shipped = {name.partition("/")[2] for name in archive.getnames()}
    with zipfile.ZipFile(wheel) as archive:
        installed = {name.partition(".data/data/")[2] for name in archive.namelist()}
        packaged = [name for name in archive.namelist() if name.startswith("codeface_jupyter/lab")]
    assert {"codeface_jupyter/labextension/package.json", "labextension/src/index.ts"} <= shipped
    assert not [name for name in shipped if "node_modules" in name]
    assert {f"{INSTALLED}/package.json", f"{INSTALLED}/install.json"} <= installed
    assert packaged == []
