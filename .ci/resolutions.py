"""The package with other versions of what it needs: the lowest, and those for other Pythons."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from commands import ROOT, CheckFailedError, Environment, run
from uv_environment import Uv

OLDEST_MINOR, NEWEST_MINOR = 11, 19
EXTRAS = ("lab", "llamacpp", "openvino", "redis", "remote")
# What the tests below need; of these the newest.
TOOLS = ("hypothesis", "matplotlib", "pandas", "pytest>=9", "pytest-timeout")
# Tests that need neither weights nor a kernel.
TESTS = (
    "answer_html", "config", "connection", "context", "error_info", "load_extension",
    "magic_options", "namespace", "prompts", "protocol", "rendering", "response_cache", "shape",
)  # fmt: skip
ASK = """
shell = get_ipython()
shell.run_line_magic('load_ext', 'codeface_jupyter')
shell.run_line_magic('config', 'CodeFace.engine = "scripted"')
shell.run_cell_magic('codeface', '', 'print one')
assert shell.user_ns['_codeface'].text
print('asked')
"""
IMPORTS = """
import importlib, sys
for name in ('huggingface_hub', 'safetensors', 'tokenizers', 'transformers', *sys.argv[1:]):
    print(name, importlib.import_module(name).__version__, end=' ')
"""
# PyTorch's builds for the processor need none of these.
CUDA = re.compile(r"^(?:nvidia-|cuda-|triton)", re.M)


def other_pythons() -> dict[str, str]:
    """Return the Pythons on the path that run, by version, without the one that runs this."""
    found: dict[str, str] = {}
    for minor in range(OLDEST_MINOR, NEWEST_MINOR + 1):
        if minor == sys.version_info.minor:
            continue
        for folder in os.environ.get("PATH", "").split(os.pathsep):
            python = Path(folder) / f"python3.{minor}"
            if python.is_file() and _runs(python):
                found.setdefault(f"3.{minor}", str(python))
    return found


def _runs(python: Path) -> bool:
    # A version manager's stand-in may stand for nothing.
    try:
        run([str(python), "-c", "pass"], env=dict(os.environ))
    except CheckFailedError:
        return False
    return True


def check_python(folder: Path, wheel: Path, *, python: str) -> str:
    """Install the wheel and the newest of what it needs for another Python, and use it."""
    return _use(folder, wheel, python=python, resolution="highest")


def check_lowest(folder: Path, wheel: Path) -> str:
    """Install the wheel with the lowest versions that it promises to work with, and use it."""
    return _use(folder, wheel, python=sys.executable, resolution="lowest-direct")


def _use(folder: Path, wheel: Path, *, python: str, resolution: str) -> str:
    environment = Environment(folder)
    uv = Uv(environment, python=python)
    # From the project's own list: what a wheel asks for would not count as direct.
    wanted = [f"--extra={extra}" for extra in EXTRAS]
    wanted.append(f"--resolution={resolution}")
    project = str(ROOT / "pyproject.toml")
    versions = uv("pip", "compile", *wanted, project)
    has_torch = not CUDA.search(versions)
    if not has_torch:
        (folder / "without.txt").write_text("torch; sys_platform == 'none'\n")
        wanted += ["--override", str(folder / "without.txt")]
    uv("pip", "install", *wanted, "--requirement", project)
    uv("pip", "install", "--no-deps", str(wheel))
    uv("pip", "install", *TOOLS)
    asked = environment.run("-m", "IPython", "-c", ASK)
    if "asked" not in asked:
        raise CheckFailedError(asked)
    said = f"{_tested(environment)}; {imported(environment, has_torch=has_torch)}"
    return said if has_torch else f"{said}; without PyTorch, whose build here would be CUDA's"


def imported(environment: Environment, *, has_torch: bool) -> str:
    """Import what is not imported by loading the extension; return the versions."""
    return environment.run("-c", IMPORTS, *(["torch"] if has_torch else []))


def _tested(environment: Environment) -> str:
    """Run the tests that need no model on what is installed; return how they ended."""
    files = [str(ROOT / "tests" / "unit" / f"test_{name}.py") for name in TESTS]
    # Older packages warn of what newer Pythons have changed: not what is asked here.
    options = ("--quiet", "-o", "filterwarnings=default", "-p", "no:cacheprovider")
    said = environment.run("-m", "pytest", *options, f"--rootdir={ROOT}", *files)
    return said.strip().splitlines()[-1]
