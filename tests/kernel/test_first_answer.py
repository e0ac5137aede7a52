"""A kernel's first answer: nothing is imported while it streams, and no ending is silent."""

import pytest

CODE = "A loop:\n\n```python\nfor i in range(3):\n    print(i)\n" + "    # more\n" * 40 + "```\n"
# How long the text stands still, as the widget that shows it has it.
WATCHED = """
import sys, time
import ipywidgets
from codeface_jupyter.engines.current_engine import CurrentEngine
from codeface_jupyter.engines.scripted import ScriptedEngine
from codeface_jupyter.view import answer_view
_magics = get_ipython().configurables
_extension = next(m.extension for m in _magics if hasattr(m, "extension"))
_extension.session._resources.engines = CurrentEngine(
    ScriptedEngine({answers!r}, token_delay_s={delay}, load_s={load_s})
)
_paintings = []
_loaded = []
def _watched(self, answer, _paint=answer_view.WidgetView.paint):
    if answer.text and not _loaded:
        _loaded.append("pygments.lexers.python" in sys.modules)
    _paint(self, answer)
    if answer.text:
        _paintings.append(time.perf_counter())
answer_view.WidgetView.paint = _watched
"""


LEXER = "'pygments.lexers.python' in __import__('sys').modules"


def script(kernel, *answers, delay=0.0, load_s=0.0):
    run = kernel.run(WATCHED.format(answers=list(answers), delay=delay, load_s=load_s))
    assert run.reply["status"] == "ok", run.of_type("error")


def test_the_first_answer_of_a_kernel_never_stands_still(own_kernel):
    fresh = own_kernel
    had_lexer = fresh.value(LEXER)
    assert fresh.run("%load_ext codeface_jupyter").reply["status"] == "ok"
    assert fresh.value(LEXER) == had_lexer
    script(fresh, CODE, delay=0.02, load_s=2.0)

    fresh.run("%codeface --cells 0 -n 2000 a loop", cell_id="asking")

    # What colors code is there before the first text is painted.
    assert fresh.value("_loaded") == [True]
    gaps = fresh.value("[b - a for a, b in zip(_paintings, _paintings[1:])]")
    assert len(gaps) > 5
    # One in ten may be late where other programs want the processor.
    assert sorted(gaps)[int(len(gaps) * 0.9)] < 0.3


def shown(run):
    return [bundle.get("text/plain", "") for bundle in run.bundles]


def test_an_empty_answer_says_so_and_can_be_tried_again(scripted):
    script(scripted, "", "two")

    run = scripted.run("%codeface --cells 0 a word", cell_id="asking")

    assert "the answer is empty: try again, or ask in other words" in shown(run)[-1]
    scripted.run("%codeface_again", cell_id="asking")
    assert scripted.value("_codeface.text") == "two"


@pytest.mark.parametrize("terminal", [{}, {"allow_stdin": True}, {"cell_id": "asking"}])
def test_stop_while_the_model_loads_says_so(scripted, terminal):
    script(scripted, "never", load_s=20.0)
    stop = "import threading; threading.Timer(1.0, _extension.stop).start()\n"

    run = scripted.run(f"{stop}%codeface --cells 0 a word", **terminal)

    said = run.text + "".join(shown(run))
    assert "Stopped at \N{LEFT DOUBLE QUOTATION MARK}Loading the script" in said
    assert "before an answer began. Run the cell again to ask." in said


def test_the_line_says_what_the_user_waited_and_what_of_it_was_the_models(scripted):
    script(scripted, "one", load_s=1.0)

    run = scripted.run("%codeface --cells 0 a word", cell_id="asking")

    assert scripted.value("1.0 < _codeface.metrics.wait_s < 20")
    assert " s (model: " in shown(run)[-1]
