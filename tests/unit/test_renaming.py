"""A failed cell with another name in it, which the model chooses among those that let it run."""

import pandas as pd
import pytest

from codeface_jupyter.config import Config
from codeface_jupyter.context import Cell, ContextSources, ErrorInfo, Rewrite
from codeface_jupyter.engines.scripted import ScriptedEngine
from codeface_jupyter.generation import GenerationMetrics
from codeface_jupyter.infilling import Infilled
from codeface_jupyter.prompts import FIX_REQUEST, fenced
from codeface_jupyter.session import Session
from codeface_jupyter.session.answer import Ask
from codeface_jupyter.trials.guard.support import guard_support

pytestmark = pytest.mark.skipif(
    guard_support().level != "strong", reason="this system cannot guard a copy"
)
FROM_MODEL = "sales.describe()"
NO_METHOD = "'DataFrame' object has no attribute 'index_by'"
SAID = "Line 1: there is no `index_by`; `set_index` stands in its place."


class Filling(ScriptedEngine):
    """Fills a gap with the first of some names that may come there."""

    def __init__(self, *names, among_all=0.9):
        super().__init__([fenced(FROM_MODEL, "python")])
        self.names = names
        self.among_all = among_all

    def infill(self, request, job):
        self.infill_requests.append(request)
        if not self.names:
            raise RuntimeError("out of order")
        allowed = request.guide.next_name("")
        names = [name for name in self.names if allowed is None or name in allowed.options]
        text = f"{names[0] if names else ''}{request.prompt.suffix[:1]}"
        is_among_all = allowed is None or len(allowed.options) > len(self.names)
        return Infilled(
            text=text,
            likelihood=self.among_all if is_among_all else 0.9,
            finish_reason="stop",
            metrics=GenerationMetrics(prompt_tokens=40, generated_tokens=2),
        )


@pytest.fixture
def make_session(tmp_path):
    return lambda engine: Session(config=Config(file=tmp_path / "none.toml"), engine=engine)


def repaired(session, code, kind="AttributeError", message=NO_METHOD, *, line=None, **settings):
    cell = Cell(source=code, cell_id="c")
    line = line or code.split("\n")[-1]
    error = ErrorInfo(ename=kind, evalue=message, source=code, line=line)
    sources = ContextSources(
        request=FIX_REQUEST, task="fix", rewrite=Rewrite.of(cell), error=error, cells=[cell]
    )
    sales = pd.DataFrame({"region": ["north", "south"], "units sold": [3, 1]})
    return session.generate(
        Ask(
            sources=sources,
            settings=session.config.with_overrides(settings),
            live_namespace={"sales": sales},
        )
    )


def test_of_the_names_that_let_the_cell_run_the_model_chooses_one(make_session):
    # The likeliest one fails, and so do `reindex` and `reset_index`, which are more alike.
    engine = Filling("index", "set_index", "sort_values")
    result = repaired(make_session(engine), "x = 1\nsales.index_by('region')")
    assert result.code == "x = 1\nsales.set_index('region')"
    assert result.outcome.has_run
    assert not engine.requests
    assert result.identity.engine == "scripted"
    assert result.metrics.tries > 1
    assert result.metrics.generated_tokens == 2 * len(engine.infill_requests)


def test_the_gap_stands_below_what_failed_and_its_error(make_session):
    engine = Filling("set_index")
    repaired(make_session(engine), "x = 1\nsales.index_by('region')")
    prompt = engine.infill_requests[0].prompt
    failed = f"# sales.index_by('region')\n# AttributeError: {NO_METHOD}\n"
    assert (prompt.prefix, prompt.suffix) == (f"x = 1\n{failed}sales.", "('region')")


@pytest.mark.parametrize(
    ("code", "kind", "message", "name", "mended"),
    [
        ("sales['reg'].max()", "KeyError", "'reg'", "region", "sales['region'].max()"),
        ("sales['units'].max()", "KeyError", "'units'", "units sold", "sales['units sold'].max()"),
        (
            "sales.sort_values('region', asc=False)", "TypeError",
            "DataFrame.sort_values() got an unexpected keyword argument 'asc'", "ascending",
            "sales.sort_values('region', ascending=False)",
        ),
        # Of parameters, too, one that has no word in common may be nearly certain.
        (
            "sales.drop('region', dimension=1)", "TypeError",
            "DataFrame.drop() got an unexpected keyword argument 'dimension'", "axis",
            "sales.drop('region', axis=1)",
        ),
    ],
)  # fmt: skip
def test_columns_and_parameters_are_found_in_the_same_way(
    make_session, code, kind, message, name, mended
):
    assert repaired(make_session(Filling(name)), code, kind, message).code == mended


@pytest.mark.parametrize(
    ("code", "names", "mended"),
    [
        (
            "sales.index_by('region').total()",
            ("sum", "set_index"),
            "sales.set_index('region').sum()",
        ),
        (
            "rows = sales.index_by('region')\nrows['unit sld'].sum()",
            ("set_index", "units sold"),
            "rows = sales.set_index('region')\nrows['units sold'].sum()",
        ),
        (
            "rows = sales.index_by('region')\nrows.dtypes().map(str), rows.shape()",
            ("set_index",),
            "rows = sales.set_index('region')\nrows.dtypes.map(str), rows.shape",
        ),
        # No name is known for the second.
        ("sales.index_by('region').total()", ("set_index",), FROM_MODEL),
        (
            "rows = sales.index_by('region')\nrows.shape()",
            ("set_index",),
            "rows = sales.set_index('region')\nrows.shape",
        ),
        (
            "rows = sales.index_by('region')\nrows['unit sold'].total()",
            ("set_index", "sum"),
            "rows = sales.set_index('region')\nrows['units sold'].sum()",
        ),
    ],
)
def test_faults_are_mended_one_after_the_other(make_session, code, names, mended):
    result = repaired(make_session(Filling(*names)), code, line=code.split("\n")[0])
    assert result.code == mended


def test_what_was_wrong_before_the_name_is_said_too(make_session):
    code = "rows = sales.index_by('region'\nrows"
    result = repaired(make_session(Filling("set_index")), code, "SyntaxError", "not closed")
    assert result.code == "rows = sales.set_index('region')\nrows"
    assert result.notes == ("Line 1: a bracket was not closed.", SAID)


def test_where_the_code_does_not_tell_what_is_there_a_copy_does(make_session):
    made = "def made():\n    return sales\nx = made()"
    result = repaired(make_session(Filling("set_index")), f"{made}\nx.index_by('region')")
    assert result.code == f"{made}\nx.set_index('region')"
    message = "made() got an unexpected keyword argument 'cont'"
    made = "def made(rows, count=1):\n    return sales.head(count)"
    code = f"{made}\n[made][0](0, cont=2)"
    result = repaired(make_session(Filling("count")), code, "TypeError", message)
    assert result.code == f"{made}\n[made][0](0, count=2)"


@pytest.mark.parametrize("column", ["price", "units bought", "total units sold"])
def test_a_column_that_is_absent_is_no_other_one(make_session, column):
    engine = Filling("units sold", "region")
    message = repr(column)
    result = repaired(make_session(engine), f"sales['{column}'].sum()", "KeyError", message)
    assert result.code == FROM_MODEL


@pytest.mark.parametrize(
    ("engine", "options"),
    [
        (Filling("sort_values", "nothing", among_all=0.7), {}),
        (Filling("sort_values", "head", among_all=0.45), {}),
        (Filling("items", "to_xml"), {}),
        (Filling("set_index"), {"tries": "off"}),
        (Filling("set_index"), {"tried_answers": 3}),
        (Filling(), {}),
        (ScriptedEngine([fenced(FROM_MODEL, "python")]), {}),
    ],
    ids=[
        "neither alike nor likely",
        "hardly likelier than the next",
        "none runs",
        "not to be tried",
        "several are wanted",
        "fails",
        "fills no gap",
    ],
)
def test_otherwise_the_model_repairs_the_cell(make_session, engine, options):
    result = repaired(make_session(engine), "sales.index_by('region')", **options)
    assert result.code == FROM_MODEL
    assert engine.requests
