"""Text with half characters is asked about, answered and shown like any other."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeface_jupyter.config import Config
from codeface_jupyter.context import Cell, ContextSources, Rewrite, TextFile
from codeface_jupyter.engines.scripted import ScriptedEngine
from codeface_jupyter.errors import NotebookError
from codeface_jupyter.session import Session
from codeface_jupyter.session.answer import Ask
from codeface_jupyter.view.rendering import ContextPreview
from codeface_jupyter.view.result_bundle import result_bundle
from codeface_jupyter.well_formed import well_formed, well_formed_data

HALF, OTHER_HALF = "\ud83d", "\ude00"
# With many halves, so that pairs come up too.
ANY_TEXT = st.text(st.characters() | st.sampled_from([HALF, OTHER_HALF]), max_size=20)


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("plain é 😀", "plain é 😀"),
        (f"{HALF}{OTHER_HALF}", "😀"),
        (f"a{HALF}b{OTHER_HALF}", "a\ufffdb\ufffd"),
        (f"{OTHER_HALF}{HALF}", "\ufffd\ufffd"),
        ("caf\udce9.csv", "caf\ufffd.csv"),
        ("\ufeffx", "\ufeffx"),
        ("", ""),
    ],
)
def test_pairs_are_joined_and_single_halves_replaced(given_text, expected):
    assert well_formed(given_text) == expected


@given(ANY_TEXT)
def test_any_text_can_be_encoded_and_what_could_be_stays(text):
    encoded = well_formed(text).encode()
    assert well_formed(encoded.decode()) == encoded.decode()
    if not any("\ud800" <= character <= "\udfff" for character in text):
        assert encoded.decode() == text


def test_data_is_well_formed_throughout():
    made = well_formed_data({f"k{HALF}": [HALF, (1, None, {"x": HALF + OTHER_HALF})]})
    assert made == {"k\ufffd": ["\ufffd", [1, None, {"x": "😀"}]]}


def test_an_error_s_message_can_be_shown():
    error = NotebookError(f"There is no caf{HALF}.", hint=f"Look for {HALF}.")
    assert str(error) == "There is no caf\ufffd.\nLook for \ufffd."
    assert "\n".join(error._render_traceback_()).encode()


class Odd:
    def __repr__(self):
        return f"<Odd {HALF}>"


@settings(max_examples=50, deadline=None)
@given(text=ANY_TEXT)
def test_whatever_text_a_notebook_holds_is_asked_about_and_shown(text, tmp_path_factory):
    config = Config(file=tmp_path_factory.getbasetemp() / "none.toml")
    engine = ScriptedEngine([f"Here {text}:\n```python\nx = 1  # {HALF}\n```\n"])
    session = Session(config=config, engine=engine)
    said = f"use df {text}"
    sources = ContextSources(
        request=said,
        cells=[Cell(source=f"df = 1\nname = {text!r}  # {text}", cell_id="c")],
        namespace={"df": {text: text}, "odd": Odd()},
        files=[TextFile(path=f"{text}.txt", text=f"{text}\npassword={HALF}hunter2")],
        history=({"role": "user", "content": text}, {"role": "assistant", "content": text}),
    )
    answer = session.stream(Ask(sources=sources, settings=config.settings, cell_id="c"))
    answer.read_to_end()

    assert answer.result.code == "x = 1  # \ufffd"
    assert answer.result.prompt.encode()
    bundle = result_bundle(
        answer.result,
        request=said,
        cell_id="c",
        insert="next",
        changes=Rewrite.of(Cell(source=text, cell_id=text)),
        note=text,
    )
    assert json.dumps(bundle, ensure_ascii=False).encode()
    preview = ContextPreview(answer.context, order="known")._repr_mimebundle_()
    assert json.dumps(preview, ensure_ascii=False).encode()
    session.close()
