import subprocess
import sys

import codeface_jupyter

HEAVY = (
    "torch", "transformers", "accelerate", "huggingface_hub", "openvino", "openvino_genai",
    "openai", "redis", "prometheus_client", "detect_secrets", "gguf", "pandas", "numpy",
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


def test_loading_the_extension_imports_nothing_heavy():
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.split() == []


def test_public_names_are_the_visible_ones():
    visible = {name for name in vars(codeface_jupyter) if not name.startswith("_")}
    modules = {
        name
        for name in visible
        if type(getattr(codeface_jupyter, name)).__name__ in {"module", "_Feature"}
    }
    public = visible - modules - {"TYPE_CHECKING"}
    assert public | {"__version__"} == set(codeface_jupyter.__all__)
