"""An answer whose words go round in circles ends where they begin to."""

from __future__ import annotations

import io
import time
from types import SimpleNamespace

import pytest

from codeface_jupyter.config import Config
from codeface_jupyter.context import ContextSources
from codeface_jupyter.engines.scripted import ScriptedEngine
from codeface_jupyter.generation import Revised
from codeface_jupyter.prompts import ends_sentence, without_repeated_code, without_repetition
from codeface_jupyter.prompts.fences import find_fences
from codeface_jupyter.session import Session
from codeface_jupyter.session.answer import Ask
from codeface_jupyter.view.answer_view import TextView

BEGINNING = "The table holds what was sold. Each row of it is one sale in one of the regions."
CIRCLE = (
    " The units are the number of things sold. The price is that of one of these things."
    " It can be a number or nothing, as it was sold."
)
CODE = "print('a line that is long enough')\nprint('and another line like it')\n"


@pytest.mark.parametrize(
    "text",
    [
        f"{BEGINNING}{CIRCLE}{CIRCLE}",
        f"{BEGINNING}{CIRCLE}{CIRCLE} The units",
        f"{BEGINNING}{CIRCLE}{CIRCLE}{CIRCLE}{CIRCLE}",
        f"{BEGINNING}{CIRCLE}{CIRCLE}\r\n",
        f"<think>\nWhat is it?\n</think>\n\n{BEGINNING}{CIRCLE}{CIRCLE}",
        f"```python\n{CODE}```\n\n{BEGINNING}{CIRCLE}{CIRCLE}",
    ],
)
@pytest.mark.parametrize("chunk_chars", [1, 3, 10_000])
def test_it_is_cut_where_it_says_again_what_it_has_just_said(text, chunk_chars):
    assert cut(text, chunk_chars=chunk_chars) == text[: text.index(CIRCLE)] + CIRCLE


def cut(text, *, chunk_chars):
    """Return what is left of a text that comes in chunks; None if it stays whole."""
    for seen in range(0, len(text), chunk_chars):
        so_far = text[: seen + chunk_chars]
        if ends_sentence(so_far[seen:]):
            found = without_repetition(so_far, seen=seen)
            if found is not None:
                return found
    return None


def test_one_sentence_three_times():
    once = "The price can be a number or nothing, as it was sold."
    assert without_repetition(" ".join([once] * 2)) is None
    assert without_repetition(" ".join([once] * 3)) == once


def test_chinese_has_no_spaces_after_sentences():
    circle = "这个表格包含了每个地区的销售数据。单位数是销售的数量。"
    assert without_repetition(circle * 10) == circle


def test_lines_of_a_list():
    lines = "- `units`: the number of units sold in one region\n- `price`: what one costs\n"
    assert without_repetition(f"Columns:\n{lines * 3}") == f"Columns:\n{lines.rstrip()}"


TABLE = "| Column | Type | What it means and where it is from |\n| --- | --- | --- |\n"
FACTS = "- Data type: floating point number (float64)\n- Missing values: there are none in it\n"
STEP = "1. Read the file with `pd.read_csv` and look at the first rows of it.\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        BEGINNING + CIRCLE,
        # What is not whole yet may still become something else.
        f"{BEGINNING}{CIRCLE}{CIRCLE.rstrip('.')}",
        f"{BEGINNING}{CIRCLE} But then.{CIRCLE}",
        "Yes. No. Yes. No. Yes. No. ",
        *(f"{mark}python\n{CODE * 9}{mark}\n" for mark in ("```", "~~~~")),
        f"> ```python\n{CODE * 9}".replace("\n", "\n> "),
        f"Like this:\n\n    {CODE * 9}".replace("\n", "\n    "),
        f"```python\nprint('''\n```bash\n''')\n{CODE * 9}```\n",
        f"{CODE}for ax in axes:\n    ax.grid(True)\n{CODE}",
        "".join(f"### `{name}`\n{FACTS}\n" for name in ("price", "units", "cost")),
        f"Sales:\n\n{TABLE}| price | float | of one |\n\nCosts:\n\n{TABLE}| cost | float | it |\n",
        "| 2024-01-01 | one of the products | from the north | 10 |\n" * 5,
        f"For sales:\n{STEP}2. Drop the price.\n\nFor costs:\n{STEP}2. Drop the cost.\n",
        "[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],\n" * 9,
        f"<think>\n{BEGINNING}{CIRCLE * 3}",
        f"<think>\n{CIRCLE * 3}\n</think>\n\nA table. ",
    ],
)
@pytest.mark.parametrize("chunk_chars", [1, 10_000])
def test_what_does_not_go_round_stays_whole(text, chunk_chars):
    assert cut(text, chunk_chars=chunk_chars) is None


def test_a_long_answer_is_looked_at_quickly():
    text = "".join(f"This is the sentence of number {number} about it. " for number in range(800))
    begin = time.perf_counter()
    assert cut(text, chunk_chars=4) is None
    assert time.perf_counter() - begin < 20


def answered(tmp_path, text, *, request="what is it?", task="explain"):
    session = Session(config=Config(file=tmp_path / "none.toml"), engine=ScriptedEngine([text]))
    sources = ContextSources(request=request, task=task)
    answer = session.stream(Ask(sources=sources, settings=session.config.settings))
    events = []
    answer.read_to_end(events.append)
    return answer, events


def test_an_answer_ends_there_and_says_so(tmp_path):
    answer, events = answered(tmp_path, BEGINNING + CIRCLE * 20)
    assert answer.result.text == BEGINNING + CIRCLE
    assert answer.result.finish_reason == "stop"
    assert answer.revision_note == "revised: ended where it began to repeat itself"
    assert isinstance([event for event in events if isinstance(event, Revised)][-1], Revised)
    # The model was stopped, too.
    assert answer.result.metrics.generated_tokens < 100


def test_it_is_kept_as_it_ended(tmp_path):
    session = Session(
        config=Config(file=tmp_path / "none.toml"), engine=ScriptedEngine([BEGINNING + CIRCLE * 9])
    )
    results = [session.generate("what is it?") for _ in range(2)]
    assert [result.metrics.from_response_cache for result in results] == [False, True]
    assert [result.text for result in results] == [BEGINNING + CIRCLE] * 2


def test_a_hint_ends_with_a_whole_sentence(tmp_path):
    session = Session(
        config=Config(file=tmp_path / "none.toml"), engine=ScriptedEngine([BEGINNING + CIRCLE * 9])
    )
    sources = ContextSources(request="what is it?")
    ask = Ask(sources=sources, settings=session.config.settings, is_for_hint=True)
    answer = session.stream(ask)
    answer.read_to_end()
    assert answer.result.text == BEGINNING + CIRCLE


def test_a_terminal_does_not_write_again_what_is_there():
    stream = io.StringIO()
    view = TextView(stream)
    answer = SimpleNamespace(text=BEGINNING + CIRCLE * 2, progress=None, revision=None)
    view.paint(answer)
    answer.text, answer.revision = BEGINNING + CIRCLE, Revised("", 0, "")
    answer.revision_note = "revised: ended where it began to repeat itself"
    view.paint(answer)
    view.finish(answer, None)
    assert stream.getvalue().count(BEGINNING) == 1
    assert stream.getvalue().endswith(f"\n[{answer.revision_note}]\n\n")


ROUND = "# Drop what is missing\nsales = sales.dropna(subset=['units'])\n\n"
OTHER = "# And what is less than nothing\nsales = sales[sales['units'] > 0]\n\n"
MANY = 9


@pytest.mark.parametrize(
    ("before", "circle"),
    [
        ("", ROUND),
        ("import pandas\n", ROUND + OTHER),
        (OTHER, "sales = sales.dropna(subset=['units', 'price', 'region'])\n"),
        ("def f(sales):\n", "    sales = sales.dropna(subset=['units', 'price', 'region'])\n"),
    ],
)
@pytest.mark.parametrize(
    ("first", "margin", "end"),
    [
        ("```python", "", "```"),
        ("   ```py", "   ", "   ```"),
        ("1. ```python", "   ", "   ```"),
        ("- ~~~ {python}", "  ", "  ~~~"),
    ],
)
def test_code_is_cut_after_its_first_round_and_its_fence_is_closed(
    before, circle, first, margin, end
):
    def told(code):
        lines = code.split("\n")
        return "\n".join([first, *(margin + line if line else "" for line in lines)])

    text = f"Like this:\n\n{told(before + MANY * circle)}"
    kept = f"Like this:\n\n{told(before + circle)}"
    assert without_repeated_code(text) == f"{kept.rstrip()}\n{end}"
    assert find_fences(without_repeated_code(text))[-1].is_closed


@pytest.mark.parametrize(
    "one", ["assert loyalty({}, 10) == 1\n", "def test_{0}():\n    assert loyalty({0}, 10) == 1\n"]
)
def test_of_many_assertions_that_differ_in_numbers_only_the_first_few_are_kept(one):
    def told(count):
        return "```python\ncheck = 1\n" + "".join(one.format(n) for n in range(count))

    assert without_repeated_code(told(40)) == f"{told(6)}```"
    assert without_repeated_code(told(11)) is None
    rows = "".join(f"print('a row that is long enough', {n})\n" for n in range(40))
    assert without_repeated_code(f"```python\n{rows}") is None


@pytest.mark.parametrize("before", ["", "import pandas\n", OTHER])
def test_bare_code_is_cut_as_well(before):
    kept = f"{before}{ROUND}".rstrip()
    assert without_repeated_code(before + MANY * ROUND, is_bare=True) == kept


def test_bare_words_are_not():
    words = (
        12 * "Some words, which are no code, but go on for a while, and then for longer still.\n"
    )
    assert without_repeated_code(words, is_bare=True) is None


@pytest.mark.parametrize("language", ["python", "sql"])
def test_the_answer_of_a_base_model_ends_where_its_code_goes_round(tmp_path, language):
    text = f"{OTHER}{MANY * ROUND}{OTHER}"
    engine = ScriptedEngine([text])
    engine.is_chat = False
    config = Config(file=tmp_path / "none.toml")
    session = Session(config=config, engine=engine)
    ask = Ask(sources=ContextSources(request="x"), settings=config.settings, language=language)
    result = session.generate(ask)
    assert result.text == (f"{OTHER}{ROUND}".rstrip() if language == "python" else text)


ROWS = "    ['a row that is long enough', 'and the same again', 1, 2, 3, 4, 5, 6, 7, 8],\n"
LAYERS = "model.add(layers.Dense(64, activation='relu'))\n"


@pytest.mark.parametrize(
    "text",
    [
        f"```python\n{2 * ROUND}",
        f"```python\n{5 * ROUND}{OTHER}",
        f"```python\nmodel = Sequential()\n{4 * LAYERS}model.compile()\n```\n",
        "```python\n" + 8 * "my_turtle.forward(100)\nmy_turtle.right(45)\n",
        "```python\n" + 12 * "print(random.randint(1, 6))\n",
        f"```python\nrows = [\n{12 * ROWS}]\n",
        f"```csv\n{12 * ROWS}",
        f"- Run\n  ```bash\n  pip install x\n\n{12 * ROWS}",
        f"<think>\n```python\n{MANY * ROUND}```\nSo:\n</think>\n```python\n{ROUND}```\n",
        12 * "Some words, which are no code, but go on for a while, and then for longer still.\n",
    ],
)
def test_of_code_that_does_not_go_round_for_long_all_is_kept(text):
    for end in range(len(text)):
        if text[end] == "\n":
            assert without_repeated_code(text[: end + 1]) is None


@pytest.mark.parametrize(("task", "is_cut"), [("write", True), ("edit", False)])
def test_an_answer_ends_where_its_code_goes_round_unless_the_cell_may_do_so(tmp_path, task, is_cut):
    config = Config(file=tmp_path / "none.toml")
    text = f"```python\n{MANY * ROUND}{OTHER}```\n"
    session = Session(config=config, engine=ScriptedEngine([text]))
    sources = ContextSources(request="clean it up", task=task)
    result = session.generate(Ask(sources=sources, settings=config.settings))
    assert result.finish_reason == "stop"
    assert result.text == (f"```python\n{ROUND.rstrip()}\n```" if is_cut else text)
