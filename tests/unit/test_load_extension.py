import subprocess
import sys

import pytest

import codeface_jupyter

# As for a user of whom the system knows nothing but the number.
WITHOUT_ENTRY = """
import pwd
def unknown(_):
    raise KeyError
pwd.getpwuid = unknown
"""
HEAVY = (
    "torch", "transformers", "accelerate", "huggingface_hub", "openvino", "openvino_genai",
    "openai", "redis", "prometheus_client", "gguf", "pandas", "numpy",
)  # fmt: skip
CODE = f"""
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
before = set(sys.modules)
shell.run_line_magic("load_ext", "codeface_jupyter")
assert "codeface" in shell.magics_manager.magics["cell"]
print(*sorted(set({HEAVY}) & (set(sys.modules) - before)))
"""
# Seconds of one processor. On the machines that were measured it takes a fifth of a second.
LOAD_S = 1.0
LOADING = """
import time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
begin = time.process_time()
shell.run_line_magic("load_ext", "codeface_jupyter")
print(time.process_time() - begin)
"""
UNLOADING = """
import gc
import weakref
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
registry = shell.magics_manager.registry
histories = registry["HistoryMagics"]

def load():
    shell.run_line_magic("load_ext", "codeface_jupyter")
    shell.run_line_magic("codeface_config", "engine=scripted model=scripted")
    shell.run_cell("1 / 0")
    shell.run_line_magic("codeface", "print one")

# Not in the function above: the error that the shell remembers may keep that one's variables.
def parts():
    (extension,) = {m.extension for m in shell.configurables if hasattr(m, "extension")}
    session = extension.session
    others = session.conversation, session.last_context, extension.notebook, extension.bridge
    assert session.conversation.exchanges
    return [weakref.ref(part) for part in (extension, session, *others)]

for _ in range(2):
    load()
    references = parts()
    shell.run_line_magic("unload_ext", "codeface_jupyter")
    gc.collect()
    left = [reference() for reference in references if reference() is not None]
    assert not left, left
    assert registry["HistoryMagics"] is histories
    known = [*registry.values(), *shell.configurables]
    assert not [one for one in known if type(one).__module__.startswith("codeface")]
print("nothing is left")
"""


def test_unloading_the_extension_leaves_nothing_of_it():
    done = subprocess.run(
        [sys.executable, "-c", UNLOADING], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.endswith("nothing is left\n"), done.stderr


def test_variables_that_cannot_be_used_are_told_in_one_warning_and_the_extension_loads(monkeypatch):
    monkeypatch.setenv("CODEFACE_PORT", "tcp://10.0.0.7:8000")
    monkeypatch.setenv("CODEFACE_TOP_K", "")
    monkeypatch.setenv("CODEFACE_MODLE", "x")
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, timeout=120, check=True
    )
    (warning,) = [line for line in done.stderr.splitlines() if "Warning" in line]
    assert "CODEFACE_PORT" in warning
    assert "CODEFACE_TOP_K" in warning
    assert "CODEFACE_MODLE). Did you mean model" in warning


@pytest.mark.skipif(sys.platform != "linux", reason="homes are found otherwise")
def test_the_extension_loads_without_a_home_and_says_where_its_files_are(monkeypatch, tmp_path):
    for variable in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "CODEFACE_CONFIG"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_ENTRY + CODE],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    (warning,) = [line for line in done.stderr.splitlines() if "home" in line]
    assert f"are kept in {tmp_path}/codeface-jupyter-" in warning
    assert "CODEFACE_CACHE_DIR" in warning


def test_loading_the_extension_imports_nothing_heavy():
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.split() == []


def run_loading(*options):
    command = [sys.executable, *options, "-c", LOADING]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


def test_loading_the_extension_takes_little_time():
    # The best of three: the first may compile.
    spent = min(float(run_loading().stdout) for _ in range(3))
    imports = run_loading("-X", "importtime").stderr.splitlines()
    ours = "\n".join(line for line in imports if "codeface_jupyter" in line)
    assert spent < LOAD_S, f"own, cumulative microseconds:\n{ours}"


def test_public_names_are_the_visible_ones():
    visible = {name for name in vars(codeface_jupyter) if not name.startswith("_")}
    modules = {
        name
        for name in visible
        if type(getattr(codeface_jupyter, name)).__name__ in {"module", "_Feature"}
    }
    public = visible - modules - {"TYPE_CHECKING"}
    assert public | {"__version__"} == set(codeface_jupyter.__all__)
