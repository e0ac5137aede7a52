"""What is told of a code that was tried, whatever its objects do when they are looked at."""

from __future__ import annotations

import dataclasses
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from codeface_jupyter.outcome import Agreement, Outcome, Preview, PreviewTable
from codeface_jupyter.trials.copy import CopyReport, Limits
from codeface_jupyter.trials.guard.support import guard_support
from codeface_jupyter.trials.hanging import TRIED_CODE
from codeface_jupyter.trials.looking import Looking, looked_at
from codeface_jupyter.trials.outcome import try_code
from codeface_jupyter.trials.outcome_data import read_outcome
from codeface_jupyter.view.outcomes import outcome_data, outcome_line, outcome_text

needs_guard = pytest.mark.skipif(
    guard_support().level != "strong", reason="this system cannot guard a copy"
)

# What the methods of an object do that nobody can look at.
DO = {
    "raises": "raise ValueError",
    "exits": "raise SystemExit",
    "stops": "raise KeyboardInterrupt",
    "has no memory": "raise MemoryError",
    "calls itself": "return repr(self)",
    "prints": "print('x')",
}
DO_LONG = {"loops": "[None for _ in iter(int, 1)]", "waits": "time.sleep(100)"}
METHODS = (
    *("__repr__", "__str__", "__len__", "__eq__", "__hash__", "__iter__", "__bool__"),
    *("__array__", "__deepcopy__", "__float__", "__format__"),
)


def odd(do: str) -> str:
    """Return code for a class whose methods do something odd."""
    methods = "".join(f"    def {name}(self, *_): {do}\n" for name in METHODS)
    return f"import time\nclass Odd:\n{methods}"


def tried(code: str, *, seconds: float = 20, tested: str = "", **namespace: Any) -> Outcome:
    outcome = try_code(code, namespace, limits=Limits(seconds=seconds), tested=tested)
    assert outcome is not None
    return outcome


@needs_guard
@pytest.mark.parametrize(
    ("code", "variable"),
    [
        ("sales['total'] = sales['price'] * 2", "sales"),
        ("del sales['price']", "sales"),
        ("part = sales.head(1); whole = sales.copy()", "whole"),
        ("count = 3; totals = [1, 2]", ""),
        ("for _, row in sales.iterrows(): total = row['price']", ""),
        ("count = 3", ""),
        ("sales['total'] = 1\nsales", ""),
        ("sales['total'] = 1\nprint(len(sales))", ""),
        ("del sales", ""),
    ],
)
def test_where_a_cell_shows_nothing_what_it_changes_can_be_looked_at(
    code: str, variable: str
) -> None:
    outcome = tried(code, sales=pd.DataFrame({"price": [1.5, 2.0]}))
    assert outcome.preview.variable == variable
    data = outcome_data(outcome)
    assert data is not None
    assert data["text"].startswith(f"{variable} afterwards:") is bool(variable)
    # It is no output of the cell.
    assert "afterwards" not in outcome_text(outcome)


@needs_guard
def test_of_a_frame_that_is_changed_the_new_column_is_shown() -> None:
    outcome = tried("sales['total'] = sales['price'] * 2", sales=pd.DataFrame({"price": [1.5]}))
    data = outcome_data(outcome)
    assert data is not None
    assert (data["header"], data["rows"]) == (["", "price", "total"], [["0", "1.5", "3.0"]])


@needs_guard
def test_of_a_wide_frame_with_other_rows_the_new_column_is_shown() -> None:
    wide = pd.DataFrame({f"c{number}": [number, None] for number in range(14)})
    outcome = tried("wide = wide.dropna(); wide['total'] = 1", wide=wide)
    data = outcome_data(outcome)
    assert data is not None
    assert data["header"][-1] == "total"


@needs_guard
def test_what_may_be_secret_is_not_shown_before_a_cell_shows_it() -> None:
    token = "ghp_" + "0123456789abcdefghijABCDEFGHIJ456789"
    users = pd.DataFrame({"name": ["a"], "password": ["hunter2"], "note": [token]})
    for code in ("users['count'] = 1", "users.assign(count=1)"):
        data = outcome_data(tried(code, users=users))
        assert data is not None
        (row,) = data["rows"]
        assert (row[1], row[2], row[4]) == ("a", "***", "1")
        assert token not in str(data)


KEY = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCDEF"


@needs_guard
@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("api_key = os.environ['OPENAI_API_KEY']", "`api_key`: ***"),
        ("api_key = os.environ['OPENAI_API_KEY']\napi_key", "***"),
        # Whatever it is called.
        ("key = os.getenv('OPENAI_API_KEY')", "`key`: ***"),
        ("key = os.getenv('OPENAI_API_KEY')\nkey.strip()", "***"),
        ("os.environ['DB_PASSWORD']", "***"),
        ("(1, os.environ['DB_PASSWORD'])", "tuple of 2"),
        ("password = 'hunter2'", "`password` values changed"),
        ("answer = os.environ['ANSWER']", "`answer`: '***'"),
        ("print(os.environ['ANSWER'])", ""),
        ("{'password': os.environ['DB_PASSWORD'], 'n': 1}", "dict of 2"),
        ("settings = {'password': os.environ['DB_PASSWORD']}\nsettings", "dict of 1"),
        ("[os.environ['ANSWER']]", "list of 1"),
        ("Login(password='hunter2')", "Login"),
        ("raise ValueError('no such key: ' + os.environ['ANSWER'])", "ValueError"),
        ("api_key = os.environ.get('NO_SUCH_KEY')", "`api_key`: None"),
        ("len(password)", "5"),
        ("assert password == ''", "AssertionError"),
    ],
)
def test_a_secret_is_not_told(monkeypatch: pytest.MonkeyPatch, code: str, told: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "tiger-hunter2")
    monkeypatch.setenv("DB_PASSWORD", "hunter2")
    monkeypatch.setenv("ANSWER", KEY)
    login = dataclasses.make_dataclass("Login", ["password"])
    outcome = tried(code, os=os, Login=login, password="tiger")
    assert told in outcome_line(outcome)
    data = outcome_data(outcome)
    assert data is not None
    assert not any(secret in str((outcome, data)) for secret in ("hunter2", "tiger", KEY[:20]))


LOGINS = pd.DataFrame({"user": ["ann"], "key": ["k-west"], "password": ["hunter2"]})


@needs_guard
@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("users.T", "ann"),
        ("users.set_index('user').T", "k-west"),
        ("users.melt()", "ann"),
        ("users.stack()", "ann"),
        ("users.iloc[0]", "ann"),
        ("first = users.iloc[0]", "ann"),
        ("users.rename(columns={'password': 'API Key'}).T", "ann"),
        ("users.groupby('password').size()", "1"),
        ("users.pivot_table(index='user', columns='password', aggfunc='size')", "ann"),
        ("pd.DataFrame({KEY: [5]})", "5"),
        ("pd.Series([5], index=[KEY])", "5"),
        ("users.loc[0, 'password']", "***"),
        ("users.at[0, 'password']", "***"),
        ("users['password'].iloc[0]", "***"),
        ("users['password'][0]", "***"),
        ("users['password'].max()", "***"),
        ("users.password.str.upper().iloc[0]", "***"),
        ("max(users['password'])", "***"),
        ("users.set_index('user')['password']['ann']", "***"),
        ("found = users['password'].iloc[0]", "***"),
        ("users['password'].tolist()", "list of 1"),
        ("users['password'].values", "rray of 1"),
        ("users['password'].value_counts()", "Series of 1"),
        ("users['password'].value_counts().idxmax()", "***"),
        ("users['password'].value_counts().index[0]", "***"),
        ("users['password'].value_counts().keys()[0]", "***"),
        ("users['password'].value_counts().to_dict()", "dict of 1"),
        ("users['password'].value_counts().index.tolist()", "list of 1"),
        ("users.password.value_counts().index.tolist()[0]", "***"),
    ],
)
def test_values_of_a_column_with_secrets_are_hidden_wherever_they_stand(
    code: str, shown: str
) -> None:
    outcome = tried(code, users=LOGINS, pd=pd, KEY=KEY)
    data = str((outcome_line(outcome), outcome_data(outcome)))
    assert shown in data
    assert not any(secret in data.lower() for secret in ("hunter2", KEY[:20].lower()))


@needs_guard
@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("users", "k-west"),
        ("users['key'].iloc[0]", "k-west"),
        ("users.loc[0, 'key']", "k-west"),
        ("users[['user', 'key']].T", "k-west"),
        ("users.assign(token_count=1234)[['token_count']].T", "1234"),
        ("users['password'].str.len().max()", "7"),
        ("users['password'].isna().sum()", "0"),
        ("users['password'].nunique()", "1"),
        ("users.nunique()", "'password', '1'"),
        ("users.assign(password=7).dtypes", "'password', 'int64'"),
        ("pd.DataFrame({'word': ['token', 'the'], 'n': [4321, 5432]})", "4321"),
        ("pd.Series([5432], index=['How to reset a password'])", "5432"),
    ],
)
def test_what_is_no_secret_is_shown(code: str, shown: str) -> None:
    outcome = tried(code, users=LOGINS, pd=pd)
    assert shown in str((outcome_line(outcome), outcome_data(outcome)))


@needs_guard
def test_a_warning_does_not_part_a_table_from_its_name() -> None:
    table = PreviewTable(header=("", "price"), rows=(("0", "1"),), is_whole=True)
    preview = Preview(variable="sales", table=table)
    warnings = ("UserWarning: careful",)
    data = outcome_data(Outcome(ending="ran", warnings=warnings, preview=preview))
    assert data is not None
    assert data["text"].splitlines() == ["Warning: UserWarning: careful", "sales afterwards:"]


@needs_guard
@pytest.mark.parametrize(
    "code", ["def f(x): return x + 1", "class A: pass", "import os", "f = lambda: 1"]
)
def test_of_what_is_only_defined_it_is_not_known_what_it_does(code: str) -> None:
    assert tried(code).fingerprint == ""


@needs_guard
@pytest.mark.parametrize("do", DO.values(), ids=DO.keys())
@pytest.mark.parametrize(
    "value", ["Odd()", "[Odd()]", "pd.Series([1, Odd()])", "pd.DataFrame({'a': [Odd()]})"]
)
def test_code_that_ran_has_run_whatever_its_value_does(do: str, value: str) -> None:
    outcome = tried(f"import pandas as pd\n{odd(do)}\nkept = Odd()\n{value}")
    assert outcome.ending == "ran", outcome.error


@needs_guard
@pytest.mark.parametrize("do", DO_LONG.values(), ids=DO_LONG.keys())
def test_code_that_ran_has_run_however_long_a_look_at_it_takes(do: str) -> None:
    # Less than two looks that are given up would take.
    assert tried(f"{odd(do)}kept = Odd()\n[Odd()]", seconds=4).ending == "ran"


@needs_guard
@pytest.mark.parametrize("do", DO.values(), ids=DO.keys())
def test_code_that_ran_has_run_whatever_the_notebooks_objects_do(do: str) -> None:
    namespace: dict[str, Any] = {}
    exec(odd(do), namespace)
    outcome = tried("total += 1\nodd\nrows.append(odd)", odd=namespace["Odd"](), rows=[], total=1)
    assert outcome.ending == "ran", outcome.error
    assert [(change.name, change.text) for change in outcome.changes] == [
        ("rows", "from list of 0 to list of 1"),
        ("total", "from 1 to 2"),
    ]


@needs_guard
@pytest.mark.parametrize(
    "code",
    ["import sys\ndel sys.stdout\n1", "import threading\nthreading.Thread.start = None\n1"],
)
def test_code_that_takes_away_what_looking_needs_has_run(code: str) -> None:
    assert tried(code).ending == "ran"


@needs_guard
@pytest.mark.parametrize("do", [DO["raises"], DO["exits"]])
def test_what_cannot_be_read_is_not_said_to_be_the_same(do: str) -> None:
    code = f"{odd(do)}Odd()"
    one, other = tried(code), tried(code)
    assert (one.ending, one.value) == ("ran", "Odd")
    assert not one.does_the_same_as(other)
    assert tried("1 + 1").does_the_same_as(tried("2"))


@needs_guard
def test_a_figure_is_told_though_it_takes_too_long_to_be_drawn() -> None:
    slow = "class Slow(plt.Line2D):\n    def draw(self, renderer):\n        time.sleep(9)\n"
    drawn = "axes = plt.figure().subplots()\naxes.add_line(Slow([0, 1], [0, 1]))\nNone"
    outcome = tried(f"import time\n{slow}{drawn}", plt=plt)
    assert outcome.ending == "ran"
    assert outcome.preview.png == ""
    assert outcome.value == "a figure"
    assert "could not be drawn" in outcome_text(outcome)


@needs_guard
def test_a_figure_of_an_earlier_cell_is_shown_and_compared() -> None:
    figure, axes = plt.subplots()
    axes.plot([1, 2, 3])
    plt.close(figure)
    named = {"figure": figure, "axes": axes}
    titled, same, other, hidden = (
        tried(code, **named)
        for code in (
            "axes.set_title('x')\nfigure",
            "figure",
            "axes.plot([3, 4])\nfigure",
            "figure;",
        )
    )
    assert [bool(outcome.preview.png) for outcome in (titled, same, other, hidden)] == [
        *(True, True, True, False)
    ]
    assert titled.does_the_same_as(same)
    assert not titled.does_the_same_as(other)
    assert "a figure" in outcome_line(titled)


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell.instance(config=config)
    yield shell
    InteractiveShell.clear_instance()
    # What it puts into Python's own names.
    shell.builtin_trap.deactivate()


@needs_guard
@pytest.mark.usefixtures("shell")
def test_what_is_displayed_is_compared() -> None:
    sales = pd.DataFrame({"price": [1.5, 2.0, 3.0]})
    figure = plt.figure()
    figure.subplots()
    plt.close(figure)

    def displayed(what: str) -> Outcome:
        code = f"from IPython.display import HTML, display\ndisplay({what})"
        return tried(code, sales=sales, figure=figure)

    head = displayed("sales.head(2)")
    assert head.does_the_same_as(displayed("sales[:2]"))
    assert not head.does_the_same_as(displayed("sales.tail(2)"))
    assert displayed("HTML('a b')").does_the_same_as(displayed("HTML('a b')"))
    assert not displayed("HTML('a b')").does_the_same_as(displayed("HTML('a c')"))
    # Nothing is known of a picture.
    assert displayed("figure").fingerprint == ""


@needs_guard
def test_how_long_it_took_is_no_output(shell: InteractiveShell) -> None:
    named = {"get_ipython": shell.get_ipython, "sales": pd.DataFrame({"price": [1.5]})}
    quick, slow = (
        tried(f"%%time\nfor _ in range({count}): print(end='')\nprint(3)", **named)
        for count in (1, 9_999)
    )
    assert "CPU times" in quick.printed
    assert quick.does_the_same_as(slow)
    # What a cell changes can be looked at where it shows nothing else.
    changed = tried("%time 1 + 1\nsales['total'] = 1", **named)
    assert changed.preview.variable == "sales"


@needs_guard
def test_the_notebooks_current_figure_stays_the_current_one() -> None:
    one, other = plt.figure(), plt.figure()
    one.subplots()
    other.subplots()
    plt.figure(one.number)
    try:
        outcome = tried("plt.gcf().number == number", plt=plt, number=one.number)
    finally:
        plt.close("all")
    assert outcome.value == "True"


@needs_guard
@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("raise SystemExit(2)", "SystemExit: 2"),
        ("pytest.fail('no')", "Failed: no"),
        ("pytest.skip('not here')", ""),
        ("raise Odd", "Odd"),
    ],
)
def test_a_test_may_end_in_any_way(body: str, error: str) -> None:
    code = "import pytest\nclass Odd(Exception):\n    def __str__(self): raise SystemExit\n"
    outcome = tried(f"{code}def test_it():\n    {body}", tested="it", it=len)
    assert [test.error for test in outcome.tests] == [error]


@pytest.mark.parametrize(
    ("outcome", "agreement", "line"),
    [
        (
            Outcome(ending="raised", error_type="KeyError", error="'a'", error_line=2),
            None,
            "raises KeyError in line 2: 'a'",
        ),
        (
            Outcome(ending="raised", error_type="KeyboardInterrupt"),
            None,
            "raises KeyboardInterrupt",
        ),
        (
            Outcome(ending="refused", error_type="ProgrammingError", error="another thread"),
            None,
            "a copy cannot do it (another thread); not run to its end",
        ),
        (
            Outcome(ending="refused", error="!ls is not run in a copy of the kernel"),
            None,
            "!ls is not run in a copy of the kernel; not run to its end",
        ),
        (
            Outcome(ending="ran", seconds=1),
            (1, 3),
            "1.00 s · none of the other 2 answers agrees",
        ),
        (Outcome(ending="ran", seconds=1), (2, 3), "1.00 s · 2 of 3 answers agree"),
        (Outcome(ending="ran", seconds=1, shows_nothing=True), None, "1.00 s · shows nothing"),
        (
            Outcome(ending="ran", seconds=1, shows_nothing=True, defines=("f", "G")),
            None,
            "1.00 s · defines `f`, `G`",
        ),
        (
            Outcome(ending="ran", seconds=1, shows_nothing=True, defines=tuple("abcde")),
            None,
            "1.00 s · defines `a`, `b`, `c`, 2 more",
        ),
        (
            Outcome(ending="ran", seconds=1, shows_nothing=True, assertions=1),
            None,
            "1.00 s · 1 assertion holds",
        ),
        (Outcome(ending="ran", seconds=1, value="1", assertions=1), None, "1.00 s · 1"),
        (Outcome(ending="ran", seconds=1, value="1", defines=("f",)), None, "1.00 s · 1"),
        (Outcome(ending="ran", seconds=1, printed="\n 340.5 \n"), None, "1.00 s · shows “340.5”"),
        (Outcome(ending="ran", seconds=1, printed="3" * 61), None, "1.00 s · shows 1 line"),
        (Outcome(ending="ran", seconds=1, printed="a\n\nb\n"), None, "1.00 s · shows 2 lines"),
        (
            Outcome(ending="ran", seconds=1, printed="a\nb", is_printed_whole=False),
            None,
            "1.00 s · shows 2 lines and more",
        ),
        (
            Outcome(ending="ran", seconds=1, printed="a", is_printed_whole=False),
            None,
            "1.00 s · shows a long text",
        ),
        (
            Outcome(ending="ran", seconds=1, printed="\x1b[1;31mno\x1b[0m"),
            None,
            "1.00 s · shows “no”",
        ),
        (Outcome(ending="ran", seconds=1, printed="use `x`"), None, "1.00 s · shows 1 line"),
        (Outcome(ending="ran", seconds=1, printed="\n"), None, "1.00 s"),
        (Outcome(ending="ran", seconds=1, printed="a", value="int"), None, "1.00 s · int"),
    ],
)
def test_what_became_of_it_is_one_plain_line(
    outcome: Outcome, agreement: tuple[int, int] | None, line: str
) -> None:
    found = agreement and Agreement(agreeing=agreement[0], tried=agreement[1], is_first=True)
    assert outcome_line(outcome, found) == f"Tried on a copy: {line}"


def report_of(data: dict[str, object]) -> CopyReport:
    return CopyReport(
        end="done",
        data=data,
        refusals=(),
        seconds=2.0,
        fork_seconds=0.0,
        peak_memory_bytes=None,
        why="",
    )


@pytest.mark.parametrize("told", [None, -1, True, "3", [1], {}])
def test_what_a_copy_says_of_assertions_and_definitions_may_be_anything(told: object) -> None:
    outcome = read_outcome(report_of({"assertions": told, "defines": [told, "a` b", "f"]}))
    assert (outcome.assertions, outcome.defines) == (0, ("f",))


# JSON brings a number of that length, which Python does not write.
LONGEST = -(10**4300 - 1)


@pytest.mark.parametrize(
    "seconds",
    [-1, float("nan"), float("inf"), 1e300, "3", None, [1], pytest.param(LONGEST, id="longest")],
)
def test_how_long_it_took_is_no_more_than_it_was_there(seconds: object) -> None:
    assert read_outcome(report_of({"seconds": seconds})).seconds == 2.0


@pytest.mark.parametrize(
    "line", [0, -1, 1_000_001, True, 1.0, "3", None, pytest.param(LONGEST, id="longest")]
)
def test_a_line_that_no_code_has_is_not_told(line: object) -> None:
    data = {"error_type": "ValueError", "error": "no", "error_line": line}
    outcome = read_outcome(report_of(data))
    assert outcome.error_line is None
    assert outcome_line(outcome) == "Tried on a copy: raises ValueError: no"
    assert read_outcome(report_of({**data, "error_line": 3})).error_line == 3


def test_a_table_has_texts_only() -> None:
    table = {"header": ["", "x"], "rows": [["0", LONGEST]], "is_whole": True}
    assert read_outcome(report_of({"preview": {"table": table}})).preview.table is None


@needs_guard
def test_printed_output_that_is_cut_is_not_whole() -> None:
    assert tried("print('all of it')").is_printed_whole
    for count in (3_000, 300_000):
        outcome = tried(f"print('x' * {count})")
        assert not outcome.is_printed_whole
        assert len(outcome.printed) == 2_000


@needs_guard
def test_what_a_library_keeps_for_itself_hides_no_error_and_is_no_news(tmp_path: Path) -> None:
    # As Matplotlib does when it is first imported.
    keeps = (
        "import os, subprocess\n"
        f"for look in (lambda: os.mkdir({str(tmp_path / '.config' / 'matplotlib')!r}),\n"
        "             lambda: subprocess.check_output(['fc-list', '--help'])):\n"
        "    try: look()\n"
        "    except OSError: pass\n"
    )
    outcome = tried(f"{keeps}plt.show()")
    assert (outcome.ending, outcome.error_type) == ("raised", "NameError")
    assert outcome.refusals == ()

    outcome = tried(f"{keeps}os.mkdir({str(tmp_path / 'mine')!r})")
    assert outcome.ending == "refused"
    assert outcome.refusals == (f"would create the folder {tmp_path / 'mine'}",)


@needs_guard
def test_a_name_that_does_not_exist_is_an_error_whatever_was_refused_before(tmp_path: Path) -> None:
    file = str(tmp_path / "a.csv")
    outcome = tried(f"try: open({file!r}, 'w')\nexcept OSError: pass\nplt.show()")
    assert (outcome.ending, outcome.error_type) == ("raised", "NameError")


def test_a_look_that_takes_long_is_given_up_for_good() -> None:
    looks, ended = 0, threading.Event()

    def look_at_all() -> str:
        nonlocal looks
        try:
            for _ in range(1_000_000):
                looked_at(wait, otherwise=None)
                looks += 1
        finally:
            ended.set()
        return "seen"

    def wait() -> None:
        while True:
            time.sleep(0.01)

    assert Looking(0.3).at(look_at_all) is None
    assert ended.wait(5)
    assert looks == 0


def test_no_look_begins_after_the_time() -> None:
    looks: list[int] = []
    assert Looking(0).at(lambda: looks.append(1)) is None
    assert looks == []


@needs_guard
def test_what_python_cannot_read_is_said_without_the_name_of_a_file_that_nobody_has() -> None:
    outcome = tried("x = [1,\ny = 'a")
    assert outcome.error_type == "SyntaxError"
    assert outcome.error.startswith("unterminated string literal")
    assert TRIED_CODE not in outcome.error
