"""Code tried in a copy of a real kernel, from a thread of it, while its own threads live on."""

import json

import pytest

SETUP = """
import json, os, threading
import numpy as np, pandas as pd
import matplotlib.pyplot as plt
from codeface_jupyter.trials.copy import Limits, run_in_copy
from codeface_jupyter.trials.copy_support import copy_support
from codeface_jupyter.trials.quiet_kernel import find_shell
from codeface_jupyter.trials.run_code import run_code

def try_code(code):
    shell, reports = find_shell(), []

    def work(files):
        result = run_code(code, shell.user_ns, shell=shell)
        error = result.error and [result.error.type_name, result.error.message]
        return {"value": repr(result.value), "stdout": result.stdout, "not_run": result.not_run,
                "error": error, "displays": list(result.displays)}

    def in_thread():
        reports.append(run_in_copy(work, limits=Limits(seconds=50)))

    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join()
    report = reports[0]
    end = {"end": report.end, "why": report.why, "refusals": report.refusals}
    return end | (report.data or {})

rng = np.random.default_rng(0)
df = pd.DataFrame({"g": rng.integers(0, 5, 200_000), "x": rng.normal(size=200_000)})
"""


@pytest.fixture(scope="module")
def trying(kernel):
    assert kernel.run(SETUP).reply["status"] == "ok"
    support = kernel.value(
        "[copy_support(tries='auto').is_possible, copy_support(tries='auto').why]"
    )
    if not support[0]:
        pytest.skip(support[1])
    return kernel


def tried(kernel, code):
    run = kernel.run(f"print(json.dumps(try_code({code!r})))")
    assert run.reply["status"] == "ok", run.reply
    # Nothing but that was shown in the notebook.
    assert {message["msg_type"] for message in run.messages} <= {
        "status",
        "execute_input",
        "stream",
    }
    found = json.loads(run.text)
    assert found["end"] == "done", found
    return found


def test_data_is_computed_with_and_stays_as_it_is(trying):
    before = trying.value("[list(df.columns), float(df.x.sum())]")
    found = tried(trying, "df['y'] = df.x * 2\nprint(len(df))\ndf.groupby('g').y.mean().size")
    assert (found["value"], found["stdout"], found["error"]) == ("5", "200000\n", None)
    assert trying.value("[list(df.columns), float(df.x.sum())]") == before


def test_linear_algebra_and_a_plot(trying):
    code = (
        "a = np.random.default_rng(0).normal(size=(300, 300))\n(a @ a.T).shape\n"
        "plt.hist(df.x)\nplt.show()\nlen(plt.get_fignums())"
    )
    assert tried(trying, code)["value"] == "1"
    assert trying.value("plt.get_fignums()") == []


def test_a_model_is_fitted_with_scikit_learn(trying):
    if trying.run("import sklearn").reply["status"] == "error":
        pytest.skip("needs scikit-learn")
    fit = (
        "from sklearn.ensemble import RandomForestRegressor\n"
        "from sklearn.cluster import KMeans\n"
        "KMeans(2, n_init=1).fit(df[['x']][:2000])\n"
        "model = RandomForestRegressor(5, n_jobs=2).fit(df[['g']][:2000], df.x[:2000])\n"
        "from sklearn.model_selection import cross_val_score\n"
        "cross_val_score(model, df[['g']][:2000], df.x[:2000], n_jobs=2)\n"
        "len(model.estimators_)"
    )
    # First in the notebook itself, whose thread pools the copy does not have.
    assert trying.run(fit).reply["status"] == "ok"
    assert tried(trying, fit)["value"] == "5"


def test_displays_magics_and_awaits_are_ipythons(trying):
    code = "import asyncio\ndisplay(df.head(1))\n%matplotlib inline\nawait asyncio.sleep(0, 3)"
    found = tried(trying, code)
    assert found["value"] == "3"
    assert "<table" in found["displays"][0]["text/html"]
    assert tried(trying, "!ls")["not_run"] == "!ls is not run in a copy of the kernel"


@pytest.mark.parametrize(
    "code",
    [
        "import asyncio\nasyncio.get_running_loop().is_running()",
        "import asyncio\nasyncio.run(asyncio.sleep(0))",
        "import asyncio\ntask = asyncio.create_task(asyncio.sleep(0, 3))\nawait task",
        "next(iter([]))",
    ],
)
def test_an_event_loop_runs_as_in_the_notebook(trying, code):
    found, run = tried(trying, code), trying.run(code)
    shown = [bundle["text/plain"] for bundle in run.bundles]
    raised = [error["ename"] for error in run.of_type("error")]
    assert ([found["value"]], []) == (shown, raised) or [found["error"][0]] == raised


@pytest.mark.parametrize(
    ("code", "refusal"),
    [
        ("df.to_csv('out.csv')", "would write out.csv"),
        ("import os; os.kill(os.getppid(), 15)", "would send a signal to another process"),
        ("import subprocess; subprocess.run(['ls'])", "would start a program: ls"),
        (
            "import urllib.request; urllib.request.urlopen('http://example.com')",
            "would fetch http://example.com",
        ),
        ("input()", "would ask you for input"),
    ],
)
def test_refusals_are_told_in_words(trying, code, refusal):
    assert tried(trying, code)["error"] == ["RefusedOnCopyError", refusal]


def test_logging_widgets_and_threads_of_the_copy_reach_nobody(trying):
    code = (
        "import logging, ipywidgets, sys\nlogging.getLogger().error('logged')\n"
        "slider = ipywidgets.IntSlider()\nslider.value = 3\n"
        "get_ipython().kernel.session.send(get_ipython().kernel.iopub_socket, 'status', {})\n"
        "sys.__stdout__.write('x')\nos.write(1, b'y')\nslider.value"
    )
    assert tried(trying, code)["value"] == "3"


def test_the_kernel_goes_on_after_a_copy_that_was_killed(trying):
    run = trying.run(
        "print(json.dumps([try_code('import ctypes; ctypes.string_at(0)')['why'],"
        " try_code('import os; os._exit(0)')['why']]))"
    )
    assert run.reply["status"] == "ok"
    assert "SIGSEGV" in run.text
    assert trying.value("len(df)") == 200_000
