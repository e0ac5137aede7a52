"""A note on what an answer's code takes from cells below it."""

import pytest

from codeface_jupyter.config import Config
from codeface_jupyter.context import Cell, ContextSources
from codeface_jupyter.engines.scripted import ScriptedEngine
from codeface_jupyter.prompts import fenced
from codeface_jupyter.session import Session
from codeface_jupyter.session.answer import Ask
from codeface_jupyter.trials.made_below import made_below_note

ABOVE = Cell(source="import pandas as pd\norders = pd.DataFrame()")
BELOW = Cell(source="full = orders.merge(orders)\nrest = 1", is_below=True)


def test_a_name_that_only_a_cell_below_makes_is_named():
    note = made_below_note("full.groupby('day').sum()", [ABOVE, BELOW])
    assert note == ("`full` is made by a cell below: run from the top, this one does not find it.")
    assert made_below_note("full + rest", [ABOVE, BELOW]).startswith("`full` and `rest` are made")


@pytest.mark.parametrize(
    ("code", "cells"),
    [
        ("orders.sum()", [ABOVE, BELOW]),
        ("full = 1\nfull + 1", [ABOVE, BELOW]),
        ("full.sum()", [Cell(source="full = 1"), BELOW]),
        ("full.sum()", [Cell(source="from data import *"), BELOW]),
        ("full.sum()", [ABOVE, Cell(source="full = 1", is_below=True, was_run=False)]),
        ("orders['full']", [ABOVE, BELOW]),
        ("max([1])", [ABOVE, Cell(source="max = 3", is_below=True)]),
        ("full.sum()", [Cell(source="full = %sql select 1"), BELOW]),
        ("full.sum()", [Cell(source="def load():\n    global full\n    full = 1"), BELOW]),
        ("full.sum(", [ABOVE, BELOW]),
    ],
)
def test_what_is_made_above_or_here_and_what_is_not_known_is_not(code, cells):
    assert made_below_note(code, cells) == ""


def test_it_stands_under_the_answer(tmp_path):
    engine = ScriptedEngine([fenced("full.sum()", "python")])
    session = Session(config=Config(file=tmp_path / "none.toml"), engine=engine)
    ask = Ask(
        sources=ContextSources(request="the sum", cells=[ABOVE]),
        settings=session.config.settings,
        live_namespace={"full": [1]},
        cells_below=(BELOW,),
    )
    assert any("made by a cell below" in note for note in session.generate(ask).notes)
    assert "merge" not in engine.requests[0].prompt.request
