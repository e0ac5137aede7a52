"""What is told of an error: what led to it, what it groups, the line that Python cannot read."""

import ast
import gc
import linecache
import mmap
import sys
import weakref
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from codeface_jupyter.context import ErrorInfo, error_info, read_shown_error
from codeface_jupyter.magics.error_cause import explain_error
from codeface_jupyter.magics.text_in_columns import told_text_columns
from codeface_jupyter.trials.checks import usual_imports

POP = {"Oslo": 1}
CITIES = pd.DataFrame({"city": ["Bergen"], "n": [1]})


@pytest.fixture
def failure(monkeypatch):
    """Run a cell and return its error; ``names`` are the notebook's."""

    def run(code, **names):
        module = ModuleType("cell")
        vars(module).update(names)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        linecache.cache["<cell>"] = (len(code), None, code.splitlines(keepends=True), "<cell>")
        with pytest.raises(BaseException) as caught:  # noqa: PT011 - whatever the cell raises
            exec(compile(code, "<cell>", "exec"), vars(module))
        return ErrorInfo.from_exception(caught.value, source=code)

    yield run
    linecache.cache.pop("<cell>", None)


def test_a_cause_a_context_and_a_silenced_context(failure):
    code = "try:\n    int('x')\nexcept ValueError as error:\n    raise RuntimeError('bad')"
    cause = "line 2 in the cell: int('x')\nValueError: invalid literal for int() with base 10: 'x'"
    assert failure(f"{code} from error").causes == f"Its cause:\n{cause}"
    assert failure(code).causes == f"It was raised while handling:\n{cause}"
    assert failure(f"{code} from None").causes == ""


def test_what_code_with_names_of_its_own_names_is_not_kept_alive():
    class Big:
        pass

    names = {"big": Big(), "number": 41}
    linecache.cache["<own>"] = (16, None, ["big[number + 1]"], "<own>")
    try:
        exec(compile("big[number + 1]", "<own>", "exec"), names)
    except TypeError as error:
        info = ErrorInfo.from_exception(error)
    finally:
        linecache.cache.pop("<own>")
    assert list(info.names) == ["big", "number"]
    reference = weakref.ref(names["big"])
    del names
    gc.collect()
    assert reference() is None
    assert dict(info.names) == {"number": 41}


def test_a_group_names_its_parts_and_what_led_to_them(failure):
    info = failure("raise ExceptionGroup('all', [ValueError('a'), KeyError('b')])")
    assert info.causes == "It groups:\nValueError: a\nIt groups:\nKeyError: 'b'"


def test_a_circle_of_causes_ends(failure):
    info = failure(
        "a = ValueError('a')\nb = KeyError('b')\na.__cause__, b.__cause__ = b, a\nraise a"
    )
    assert info.causes.endswith("KeyError: 'b'")


def test_a_long_chain_is_cut(failure):
    code = "e = ValueError(0)\nfor n in range(1, 50):\n"
    info = failure(f"{code}    new = ValueError(n)\n    new.__cause__ = e\n    e = new\nraise e")
    assert info.causes.count("Its cause:") == 4


def test_what_a_library_only_passes_on_is_no_news(failure):
    info = failure("import pandas\npandas.DataFrame({'a': [1]})['b']")
    assert (info.ename, info.causes) == ("KeyError", "")


def test_a_syntax_error_has_its_line(failure):
    info = failure("x = 1\ndef f(:\n    pass")
    assert info.traceback == "line 2 in the cell: def f(:"


@pytest.mark.parametrize(
    ("call", "names"),
    [
        ("CITIES.query('total price > 3')", {"CITIES"}),
        ("CITIES.eval('total price')", {"CITIES"}),
        ("eval(text)", {"text"}),
        ("ast.literal_eval(text)", {"ast", "text"}),
    ],
)
def test_a_text_that_a_call_cannot_read_is_told_by_the_call(failure, call, names):
    code = f"x = 1\ny = 2\n\n{call}"
    info = failure(code, CITIES=CITIES, text="x = = 1", ast=ast)
    assert info.line == call
    assert set(info.names) == names
    assert info.traceback.endswith(f"line 4 in the cell: {call}")
    said = explain_error(info, {})
    assert said.startswith(f"SyntaxError in line 4, `{call}`: Python cannot read what it is given")


def test_a_text_that_led_to_an_error_is_told_by_the_call(failure):
    code = "try:\n    eval('1 +')\nexcept SyntaxError as error:\n    raise ValueError from error"
    assert failure(code).causes.startswith("Its cause:\nline 2 in the cell: eval('1 +')\nSyntax")


@pytest.mark.parametrize(
    "call", ["run_line_magic('time', text)", "run_cell_magic('time', '', text)"]
)
def test_a_syntax_error_under_a_timing_magic_has_its_line(failure, call):
    class Shell:
        run_line_magic = run_cell_magic = staticmethod(lambda *given: ast.parse(given[-1]))

    Shell.run_line_magic.__code__ = Shell.run_line_magic.__code__.replace(co_filename=ast.__file__)
    info = failure(f"get_ipython().{call}", get_ipython=Shell, text="x = 1\ny = = 2")
    assert (info.line, info.traceback) == ("y = = 2", "line 2 in the cell: y = = 2")


def test_a_module_of_the_users_that_fails_while_it_is_imported_is_named(
    failure, tmp_path, monkeypatch
):
    (tmp_path / "failing_helpers.py").write_text("rate = 0\nshare = 1 / rate\n")
    monkeypatch.syspath_prepend(tmp_path)
    info = failure("x = 1\nimport failing_helpers")
    assert info.traceback.endswith(
        "line 2 in the cell: import failing_helpers\nline 2 in failing_helpers.py: share = 1 / rate"
    )
    assert explain_error(info, {}) == (
        "ZeroDivisionError in line 2 in failing_helpers.py, `share = 1 / rate`: `rate` is 0."
    )


def test_a_cell_that_the_kernel_has_written_for_a_debugger_is_the_cell(tmp_path):
    file = tmp_path / "ipykernel_41" / "2374623.py"
    file.parent.mkdir()
    file.write_text("x = 1\nx / 0\n")
    with pytest.raises(ZeroDivisionError) as caught:
        exec(compile(file.read_text(), str(file), "exec"), {})
    info = ErrorInfo.from_exception(caught.value, source=file.read_text())
    assert info.traceback.endswith("line 2 in the cell: x / 0")


def test_a_line_under_a_timing_magic_is_told():
    with pytest.raises(NameError) as caught:
        exec(compile("x = 1\nprise + 1", "<timed exec>", "exec"), {})
    info = ErrorInfo.from_exception(caught.value, source="%%time\nx = 1\nprise + 1")
    assert info.line == "prise + 1"


@pytest.mark.parametrize(
    ("code", "names", "said"),
    [
        ("prise + 1", {"price": 1}, "nothing is called `prise` here; there is `price`."),
        ("Counter('a')", {}, "`Counter` is not imported: `from collections import Counter` is"),
        ("d['regoin']", {"d": {"region": 1}}, "`d` has no key `'regoin'`; it has `region`."),
        ("x.strip()", {"x": None}, "`x` is None, which has no `strip`."),
        ("xs.apend(1)", {"xs": []}, "`xs` has no attribute `apend`; it has `append`."),
        ("a / n", {"a": 1, "n": 0}, "`n` is 0."),
        ("xs[5]", {"xs": [1, 2]}, "`xs` has 2 items, numbered from 0."),
        ("a + b", {"a": "x", "b": 1}, "`a` is of type str, `b` is of type int."),
        (
            "if bad: raise TypeError",
            {"bad": True},
            "`if bad: raise TypeError`: `bad` is of type bool.",
        ),
        ("import nothing_like_it", {}, "`nothing_like_it` is not installed"),
        ("open('no such.csv')", {}, "there is no `no such.csv` in the working folder"),
        ("def f(:", {}, "Python cannot read it: `invalid syntax`."),
        ("int('x')", {}, "in line 1, `int('x')`: `invalid literal for int()"),
        (
            "assert n == 1",
            {"n": 2},
            "in line 1, `assert n == 1`: this does not hold; now `n` is `2`.",
        ),
        ("assert not [1]", {}, "AssertionError in line 1, `assert not [1]`."),
    ],
)
def test_the_cause_is_said_in_a_sentence(failure, code, names, said):
    assert said in explain_error(failure(code, **names), names)


@pytest.mark.parametrize(
    ("code", "names", "said"),
    [
        ("x = total / len(xs)", {"total": 0, "xs": []}, "`len(xs)` is 0."),
        ("x = a / b + a / len(a)", {"a": [], "b": 0}, "`unsupported operand"),
        ("x = n / 3 + total // n", {"n": 0, "total": 1}, "`n` is 0."),
        ("total /= n", {"n": 0, "total": 0}, "`n` is 0."),
        ("[1 / n for n in xs]", {"n": 5, "xs": [0]}, "`n` is 0."),
        ("if a / len(a) > 1:\n    pass", {"a": ""}, "`unsupported operand"),
        ("x = 1 / 0", {}, "`division by zero`."),
        ("x = 1 / len(a) + 1 / len(b)", {"a": "", "b": ""}, "`division by zero`."),
        ("x = '%d' % (1 / n)", {"n": 0}, "`n` is 0."),
        ("new[k] = old[k] * 2", {"k": "b", "new": {}, "old": {"a": 1}}, "`old` has no key `'b'`"),
        ("new[k] += 1", {"k": "b", "new": {}}, "`new` has no key `'b'`; it has no keys."),
        ("del new[k]", {"k": "b", "new": {"a": 1}}, "`new` has no key `'b'`"),
        ("new.pop('b')", {"new": {"a": 1}}, "`new` has no key `'b'`"),
        ("o['p'] = ps[o['i']]", {"o": {"i": "x"}, "ps": {"y": 1}}, "`ps` has no key `'x'`"),
        ("df['n'] = pop[df['city'][0]]", {"df": CITIES, "pop": POP}, "`pop` has no key `'Bergen'`"),
        ("x = c['db']['hos']", {"c": {"db": {"host": 1}}}, "`c['db']` has no key `'hos'`"),
        ("x = a[k] + b[k]", {"k": 1, "a": {}, "b": {}}, "`1`."),
        ("x = a[k] + b[k]", {"k": 1, "a": {1: 1}, "b": {2: 2}}, "`b` has no key `1`"),
        ("x = [a[n] for n in xs]", {"n": 1, "xs": [3], "a": {1: 1}}, "`a` has no key `3`"),
        ("if a:\n    pass\nelif a[k] > 1:\n    pass", {"a": {}, "k": 1}, "`a` has no key `1`"),
        ("elif_ = a[k]", {"a": {}, "k": 1}, "`a` has no key `1`"),
        ("x = df.loc[7]", {"df": CITIES}, "`7`."),
        ("x = df.loc[0, 'm']", {"df": CITIES}, "`df` has no column `'m'`"),
        ("x = df['city'][7]", {"df": CITIES}, "`7`."),
        ("x = df.drop('Bergen')", {"df": CITIES}, "`\"['Bergen'] not found in axis\"`."),
        ("x = df.groupby('city').get_group('n')", {"df": CITIES}, "`'n'`."),
        ("x = df.groupby('city').size()['Oslo']", {"df": CITIES}, "`'Oslo'`."),
        ("x = df.dropna().groupby('ciy')", {"df": CITIES}, "`df` has no column `'ciy'`"),
        ("x = df.sort_values(k)", {"df": CITIES, "k": ["ciy"]}, "`df` has no column `'ciy'`"),
        ("x = text.split(',')[3]", {"text": "a,b"}, "`list index out of range`."),
        ("x = rows[0][2]", {"rows": [[1], [2], [3]]}, "`rows[0]` has 1 item, numbered from 0."),
        ("x = a[i] + b[i]", {"i": 1, "a": [1, 2], "b": "c"}, "`b` has 1 item, numbered from 0."),
        ("x = a[i + 1] + b[i + 1]", {"i": 1, "a": [1], "b": "c"}, "`list index out of range`."),
        ("a[2] = 0", {"a": [1]}, "`a` has 1 item, numbered from 0."),
    ],
)
def test_what_else_the_line_names_is_not_the_cause(failure, code, names, said):
    assert said in explain_error(failure(code, **names), names)


ORDERS = pd.DataFrame(
    {"Qty": [1.5, 6.0], "Price": ["3", "1,035.00"], "City": ["Oslo", None], "api_key": ["a1", "b2"]}
)
SIGN = "`&` binds more strongly than `>`, so each comparison needs brackets around it."


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("df['Qty'] * df['Price']", "`; the column `Price` holds text, such as `'1,035.00'`."),
        ("df['Price'].mean()", "`; the column `Price` holds text, such as `'1,035.00'`."),
        ("df.Price > 3", "`; the column `Price` holds text, such as `'1,035.00'`."),
        ("df['Price'] += 1", "`; the column `Price` holds text, such as `'1,035.00'`."),
        ("df['City'] - df['Price']", "`; the columns `City` and `Price` hold text."),
        ("df['api_key'] * 1.5", "`; the column `api_key` holds text."),
        (
            "df.City + df.Qty",
            "; the column `City` holds text, such as `'Oslo'`, and `Qty` does not.",
        ),
        ("df['City'] + ' ' + df['Qty']", "; the column `Qty` holds no text."),
        ("df['City'] += df.Qty", "`'Oslo'`, and `Qty` does not."),
        # What was joined on purpose is no cause, and neither is what was given besides.
        ("df['City'] + '-' + len(df)", None),
        ("df['City'] + df['Price'] + len(df)", None),
        ("'%s %s' % df['Price']", None),
        ("df['Qty'].sum(df['City'] + 1, bar=2)", "; the column `City` holds text"),
        ("df['Qty'].sum(df['City'].size - 1, df['Price'].size - df.City.size, bar=2)", None),
        ("df['Qty'].sum(df['City'].mean, bar=df['City'] > 'B')", None),
        # Texts may be compared with texts, and tables are no columns.
        ("df[df['City'] == 'Oslo']['Qty'] * []", None),
        ("len(df['Qty']) + df['City'].str", None),
        ("df[df['Qty'] > 5 & df['City'] == 'Oslo']", f"`; {SIGN}"),
        ("x = (\n    df[df['Qty'] > 5 & df['Qty'] < 9]\n)", f"`; {SIGN}"),
        ("df[df.index > 0 & df.index < 2]", f"`; {SIGN}"),
        ("df[(df.index > 0) & (df.index < 2)] + {}", None),
    ],
)
def test_what_is_wrong_with_a_table_is_said(failure, code, said):
    told = explain_error(failure(code, df=ORDERS.copy()), {})
    if said is None:
        assert "holds text" not in told
        assert "brackets" not in told
    else:
        assert said in told


def test_a_column_whose_memory_may_be_gone_is_not_read():
    told = []
    for memory in (mmap.mmap(-1, 2), bytes(2)):
        codes = np.frombuffer(memory, dtype="int8")
        column = pd.Series(pd.Categorical.from_codes(codes, ["Oslo"]), copy=False)
        frame = pd.DataFrame({"a": column}, copy=False)
        told.append(told_text_columns("df['a'] - 1", {"df": frame}, message="operand"))
    assert told[0] == ""
    assert told[1] == "the column `a` holds text, such as `'Oslo'`."


def test_a_part_of_a_statement_says_no_cause(failure):
    names = {"k": "b", "new": {}, "old": {"a": 1}}
    assert explain_error(failure("new[k] = (old[k] *\n  2)", **names), names).endswith("`'b'`.")


def test_what_stands_behind_an_error_is_said_as_well(failure):
    code = (
        "try:\n    int('x')\nexcept ValueError as error:\n    raise RuntimeError('bad') from error"
    )
    said = explain_error(failure(code), {})
    assert said.endswith("Behind it is `ValueError: invalid literal for int() with base 10: 'x'`.")


OFFSETS = "Invalid frequency: M. 'M' is no longer supported for offsets. Please use 'ME' instead."


def test_what_to_do_instead_stands_at_the_end_of_a_message(failure):
    said = explain_error(failure(f"raise ValueError({OFFSETS!r})"), {})
    # It has a full stop of its own.
    assert said.endswith(f": `{OFFSETS}`")
    said = explain_error(failure(f"raise ValueError('a\\n' + 'b' * 400 + {OFFSETS!r}[40:])"), {})
    assert "`a bbb" in said
    assert said.endswith("Please use 'ME' instead.`")
    assert len(said) < 400
    hidden = f"try:\n    int('x')\nexcept ValueError:\n    raise OSError from KeyError({OFFSETS!r})"
    assert explain_error(failure(hidden), {}).endswith("Please use 'ME' instead.\"`.")


TRY = "You might want to try:"


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("bad input", "`bad input`."),
        ("Perhaps you forgot a comma?", "`Perhaps you forgot a comma?`"),
        ("No!", "`No!`"),
        ("Too\nlong.", "`Too long.`"),
        (f"No match. {TRY}\n    - this;\n    - that.", f"`No match. {TRY} this; that.`"),
        (f"No match. {TRY}\n    - this;\n    - {'that ' * 99}", "`No match.`"),
        (f"Try:\n* {'that ' * 99}", "`Try:`."),
    ],
)
def test_a_message_reads_as_a_sentence(failure, message, said):
    assert explain_error(failure(f"raise OSError({message!r})"), {}).endswith(f": {said}")


@pytest.mark.parametrize(
    ("code", "is_installed", "said"),
    [
        ("sns.histplot([1])", False, "`sns` is usually seaborn, which is not installed here."),
        ("sns.histplot([1])", True, "`sns` is not imported: `import seaborn as sns` is missing."),
        ("px.line([1])", False, "`px` is usually plotly, which is not installed here."),
        # By itself it may be anything.
        ("len(sns)", False, "nothing is called `sns` here."),
        ("nobody.knows", False, "nothing is called `nobody` here."),
    ],
)
def test_a_usual_name_of_a_module_that_is_not_installed(
    failure, monkeypatch, code, is_installed, said
):
    monkeypatch.setattr(usual_imports, "has_module", lambda _: is_installed)
    assert explain_error(failure(code), {}).endswith(said)


def test_a_key_is_not_said(failure):
    key = "sk-ant-0123456789abcdef0123456789"
    info = failure(f"connect('{key}')", connect=int)
    assert key not in explain_error(info, {})
    info = failure(f"d['{key}']", d={"a": 1})
    assert key not in explain_error(info, {})


TRACEBACK = (
    "\x1b[31mKeyError\x1b[39m    Traceback (most recent call last)\n"
    "\x1b[36mCell\x1b[39m\x1b[36m \x1b[39m\x1b[32mIn[3]\x1b[39m\x1b[32m, line 2\x1b[39m\n"
    "      1 key = 'b'\n"
    "\x1b[32m----> 2\x1b[39m look(key)\n"
    "Cell In[1], line 2, in look(key)\n"
    "      1 def look(key):\n"
    "----> 2     return units[key]\n"
    "File /usr/lib/python3/dist-packages/pandas/core/frame.py:4107, in __getitem__(self, key)\n"
    "-> 4107 indexer = self.columns.get_loc(key)\n"
    "KeyError: 'b'"
)


def test_a_traceback_of_the_page_tells_the_users_own_lines():
    info = read_shown_error(
        ename="KeyError", evalue="'b'", traceback=TRACEBACK, source="key = 'b'\nlook(key)"
    )
    assert info.traceback == "line 2 in the cell: look(key)\nline 2 in the cell: return units[key]"
    assert info.source == "key = 'b'\nlook(key)"


def test_a_magic_in_a_traceback_of_the_page_is_told_as_it_was_typed():
    shown = (
        "Exception  Traceback (most recent call last)\nCell In[1], line 1\n"
        "----> 1 get_ipython().run_line_magic('run', 'no_file.py')\n\nException: not found"
    )
    source = "%run no_file.py"
    info = read_shown_error(ename="Exception", evalue="not found", traceback=shown, source=source)
    assert (info.line, info.source) == (source, source)
    assert info.traceback == f"line 1 in the cell: {source}"


def test_a_traceback_of_other_code_is_not_this_cells():
    info = read_shown_error(ename="KeyError", evalue="'b'", traceback=TRACEBACK, source="x = 1")
    assert info.source == ""


def test_a_syntax_error_of_the_page_has_its_line():
    text = "  Cell In[5], line 1\n    def f(:\n          ^\nSyntaxError: invalid syntax\n"
    info = read_shown_error(
        ename="SyntaxError", evalue="invalid syntax", traceback=text, source="def f(:\n    pass"
    )
    assert info.traceback == "line 1 in the cell: def f(:"
    assert info.source


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("~/miniconda3/lib/python3.12/json/__init__.py:346", ""),
        ("/opt/python/lib/python3.13t/json/__init__.py:346", ""),
        (r"C:\Python311\Lib\json\decoder.py:355", ""),
        (r"~\AppData\Local\Programs\Python\Python312\Lib\json\decoder.py:355", ""),
        ("~/my project/.venv/lib/python3.12/site-packages/pandas/core/frame.py:337", ""),
        (r"C:\Users\me\venv\Lib\site-packages\pandas\core\frame.py:3812", ""),
        (r"C:\Users\me\my work\tools.py:12", "tools.py"),
        ("~/my project/tools.py:12", "tools.py"),
        ("/srv/lib/tools.py:12", "tools.py"),
        ('"/srv/my work/tools.py", line 12', "tools.py"),
        ("<string>:12", "<string>"),
    ],
)
def test_a_traceback_of_the_page_tells_the_users_files_from_a_librarys(file, name):
    text = f"Cell In[1], line 1\n----> 1 load()\nFile {file}, in load(s)\n--> 337     check(s)\n"
    info = read_shown_error(ename="ValueError", evalue="", traceback=text, source="load()")
    expected = ["line 1 in the cell: load()", *([f"line 337 in {name}: check(s)"] if name else [])]
    assert info.traceback.split("\n") == expected


def test_a_traceback_of_the_page_has_the_standard_library_below_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setattr(error_info, "STDLIB_FOLDER", (tmp_path / "Lib").resolve())
    text = "Cell In[1], line 1\n----> 1 load()\nFile ~/Lib/json/decoder.py:9, in load(s)\n--> 9 x\n"
    info = read_shown_error(ename="ValueError", evalue="", traceback=text, source="load()")
    assert info.traceback == "line 1 in the cell: load()"
