"""What a notebook has set for its own process is as it was after everything that CodeFace does."""

import json

import pytest

SCRIPTED = "-e scripted -m scripted"

# Run in the kernel: what other code of the same process can see, and depends on.
SNAPSHOT = """
def _state():
    import json, locale, logging, os, random, signal, sys, warnings
    import decimal, gc, threading
    state = {
        "showwarning": f"{warnings.showwarning.__module__}.{warnings.showwarning.__qualname__}",
        # What a library says of its own kinds of warnings concerns nobody else.
        "filters": [str(f) for f in warnings.filters if f[2].__module__ == "builtins"],
        "root level": logging.root.level,
        "root handlers": [repr(h) for h in logging.root.handlers],
        "logging disabled": logging.root.manager.disable,
        "logger class": logging.getLoggerClass().__name__,
        "record factory": logging.getLogRecordFactory().__qualname__,
        "signals": {str(s): str(signal.getsignal(s)) for s in signal.valid_signals()},
        "random": hash(random.getstate()),
        "environ": dict(os.environ),
        "excepthook": sys.excepthook.__qualname__,
        "thread excepthook": threading.excepthook.__qualname__,
        "displayhook": type(sys.displayhook).__qualname__,
        "path": list(sys.path),
        "locale": locale.setlocale(locale.LC_ALL),
        "cwd": os.getcwd(),
        "recursion": sys.getrecursionlimit(),
        "switch": sys.getswitchinterval(),
        "int digits": sys.get_int_max_str_digits(),
        "streams": [type(sys.stdout).__qualname__, type(sys.stderr).__qualname__],
        "decimal": str(decimal.getcontext()),
        "gc": [gc.isenabled(), list(gc.get_threshold())],
        "stack size": threading.stack_size(),
        "tracing": [str(sys.gettrace()), str(sys.getprofile())],
    }
    state["umask"] = os.umask(0o22)
    os.umask(state["umask"])
    if "numpy" in sys.modules:
        import numpy
        kept = numpy.random.get_state()
        state["numpy random"] = [hash(kept[1].tobytes()), kept[2]]
        state["numpy errors"] = numpy.geterr()
        state["numpy printing"] = {k: str(v) for k, v in numpy.get_printoptions().items()}
    if "pandas" in sys.modules:
        import pandas
        names = ("display.max_rows", "display.width", "display.precision")
        state["pandas"] = [str(pandas.get_option(name)) for name in names]
    if "matplotlib" in sys.modules:
        import matplotlib
        state["matplotlib"] = hash(str(sorted(matplotlib.rcParams.items(), key=str)))
    if "torch" in sys.modules:
        import torch
        threads = [torch.get_num_threads(), torch.get_num_interop_threads()]
        drawn = hash(torch.random.get_rng_state().numpy().tobytes())
        state["torch"] = [str(torch.get_default_dtype()), torch.is_grad_enabled(), threads, drawn]
    return json.dumps(state, sort_keys=True, default=str)
"""
# Looking changes nothing, and what is only imported later has nothing to compare with yet.
PREPARE = "import matplotlib, numpy, pandas; import torch; x = pandas.DataFrame({'a': [1, 2]})"

EVERYTHING = [
    "%load_ext codeface_jupyter",
    f"%%codeface {SCRIPTED}\nplot x",
    f"%codeface {SCRIPTED} what is x?",
    f"%%codeface {SCRIPTED} --dry-run\nplot x",
    f"%codeface_explain {SCRIPTED} x",
    f"%codeface_test {SCRIPTED} f",
    f"%codeface_fix {SCRIPTED}",
    f"%codeface_edit {SCRIPTED} add a line",
    f"%%codeface_batch {SCRIPTED}\none\ntwo",
    "%codeface_context",
    "%codeface_history",
    "%codeface_stats",
    "%codeface_stats --plot",
    "%codeface_cache",
    "%codeface_config",
    "%codeface_models",
    "%codeface_models unload",
    "%codeface -e openai -m nobody hello",
    "%codeface -e openvino -m /nowhere hello",
    "%codeface -e transformers -m /nowhere hello",
    "%unload_ext codeface_jupyter",
]
IMPORTS = [
    "codeface_jupyter.cli.main",
    "codeface_jupyter.engines.openai.connection",
    "codeface_jupyter.engines.openvino.engine",
    "codeface_jupyter.engines.transformers.engine",
    "codeface_jupyter.metrics.prometheus",
    "codeface_jupyter.models.hub",
    "codeface_jupyter.response_cache.redis",
    "codeface_jupyter.view.plots",
    "huggingface_hub",
    "ipywidgets",
    "openai",
    "transformers",
]


@pytest.fixture(scope="module")
def user(kernel):
    kernel.run(f"import os; os.environ['HF_HUB_OFFLINE'] = '1'\n{PREPARE}")
    kernel.run("def f(a):\n    return a + 1")
    kernel.run("1 / 0")
    kernel.run(SNAPSHOT)
    return kernel


def state(kernel):
    return json.loads(kernel.run("print(_state())").text)


def differences(before, after):
    return {name: (before[name], after[name]) for name in before if before[name] != after.get(name)}


def test_no_magic_changes_what_belongs_to_the_user(user):
    changed = {}
    before = state(user)
    for code in EVERYTHING:
        user.run(code)
        after = state(user)
        if found := differences(before, after):
            changed[code] = found
        before = after
    assert changed == {}


@pytest.mark.parametrize("module", IMPORTS)
def test_no_import_changes_what_belongs_to_the_user(user, module):
    before = state(user)
    # Not every engine's package need be installed.
    user.run(f"try:\n    import {module}\nexcept ImportError:\n    pass")
    assert differences(before, state(user)) == {}
