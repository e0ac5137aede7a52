"""The extension is loaded by the page, right before a cell that needs it."""

import json
import re
from pathlib import Path

import pytest

from codeface_jupyter.cli.main import main

ON_DEMAND = Path(__file__).parents[2] / "labextension" / "src" / "onDemand.ts"
STATE = """
def state():
    import json, sys
    shell = get_ipython()
    names = sorted(n for n in shell.user_ns if not n.startswith("_"))
    last_error = str(sys.__dict__.get("last_value"))
    print(json.dumps([shell.execution_count, names, len(In), len(Out), _, last_error]))
"""


def expression(*, connects, installed="codeface_jupyter"):
    """Return what the page has evaluated."""
    source = ON_DEMAND.read_text(encoding="utf-8")
    is_installed = re.search(r'IS_INSTALLED =\s+"(.*)";', source)[1]
    load = re.search(r'LOAD =\s+"(.*)";', source)[1]
    is_installed = is_installed.replace("'codeface_jupyter'", repr(installed))
    return f"{load}(connects={connects}) if {is_installed} else 'missing'"


def load(kernel, expression):
    """Evaluate as the page does; return what came of it and all that was told of it."""
    content = {
        "code": "",
        "silent": True,
        "store_history": False,
        "allow_stdin": False,
        "stop_on_error": False,
        "user_expressions": {"codeface": expression},
    }
    return kernel.request(content)


def test_magics_work_in_a_fresh_kernel_and_nothing_else_is_changed(own_kernel):
    own_kernel.run(STATE)
    own_kernel.run("40 + 2")
    own_kernel.run("1 / 0")
    before = json.loads(own_kernel.run("state()").text)

    run = load(own_kernel, expression(connects=False))
    after = json.loads(own_kernel.run("state()").text)

    assert run.reply["user_expressions"]["codeface"]["data"]["text/plain"] == "None"
    assert {m["msg_type"] for m in run.messages} == {"status", "comm_open"}
    assert after == [before[0] + 1, before[1], before[2] + 1, *before[3:]]
    answer = own_kernel.run("%codeface -e scripted -m scripted print one")
    assert answer.reply["status"] == "ok"


def test_a_kernel_without_the_package_says_so_and_raises_nothing(own_kernel):
    run = load(own_kernel, expression(connects=True, installed="no_such_package"))

    assert run.reply["status"] == "ok"
    assert run.reply["user_expressions"]["codeface"]["data"]["text/plain"] == "'missing'"
    assert {m["msg_type"] for m in run.messages} == {"status"}


@pytest.mark.parametrize("connects", [True, False])
def test_loading_again_is_harmless_and_a_page_that_never_comes_is_not_waited_for_long(
    own_kernel, connects
):
    for _ in range(2):
        run = load(own_kernel, expression(connects=connects))
        assert run.reply["user_expressions"]["codeface"]["status"] == "ok"
    assert own_kernel.run("%codeface_config").reply["status"] == "ok"


def test_the_kernel_is_idle_after_a_load_whose_cell_never_came(own_kernel):
    load(own_kernel, expression(connects=False))

    extension = "get_ipython().magics_manager.registry['CodeFace'].extension"
    run = load(own_kernel, f"{extension}.bridge._busy._running")
    assert run.reply["user_expressions"]["codeface"]["data"]["text/plain"] == "None"


@pytest.fixture
def enabled_profile(tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    assert main(["enable"]) == 0


def test_an_enabled_profile_has_the_magics_and_a_page_finds_them(enabled_profile, own_kernel):
    names = own_kernel.value("[n for n in dir() if 'codeface' in n.lower()]")
    own_kernel.client.comm_info(target_name="codeface.hello")
    opened = own_kernel.client.get_shell_msg(timeout=60)["content"]["comms"]
    answer = own_kernel.run("%codeface -e scripted -m scripted print one")

    assert answer.reply["status"] == "ok"
    assert names == []
    assert len(opened) == 1
