"""What Python says of a cell that failed: slips in it, and names that stand for nothing."""

import pytest

from codeface_jupyter.context import ErrorInfo
from codeface_jupyter.trials import bracket_slips, syntax_slips
from codeface_jupyter.trials.alike_names import most_alike
from codeface_jupyter.trials.misnamed import Misnamed, likeness, may_be_meant, misnamed
from codeface_jupyter.trials.naming.lexing import lex
from codeface_jupyter.trials.slips import without_slip
from codeface_jupyter.trials.syntax_slips import readable


def error(text, kind, message):
    return ErrorInfo(ename=kind, evalue=message, line=text.split("\n")[-1].strip())


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("x = f(a\ny = 2", "x = f(a)\ny = 2"),
        ("d = f({\n    'a': [1],\n}).g('a'\n\nd", "d = f({\n    'a': [1],\n}).g('a')\n\nd"),
        ("print(sorted([1, 2)", None),
        ("for x in y\n    print(x)", "for x in y:\n    print(x)"),
        ("if x  # so\n    y", "if x:  # so\n    y"),
        ("if x:\n    y\nelse if z:\n    w", "if x:\n    y\nelif z:\n    w"),
        ("for x in y: print(x) z", None),
        ("cols = [\n'region',\n'units'\nprint(cols)", None),
        ("items = [1,\n2,\n3\nprint(items)", None),
        ("f(\n    a,\n    b\nprint(x)", "f(\n    a,\n    b)\nprint(x)"),
    ],
)
def test_what_python_cannot_read_may_lack_a_bracket_or_a_colon(text, without):
    found = list(without_slip(text, ErrorInfo(ename="SyntaxError", evalue="")))
    assert [mended.code for mended in found] == ([without] if without else [])


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("print('ä' x)", "print('ä', x)"),
        ("d = {\n  'a': 1\n  'b': 2\n  'c': 3\n}", "d = {\n  'a': 1,\n  'b': 2,\n  'c': 3\n}"),
        ("d = {'a': 'x'\n'b': 'y'}", "d = {'a': 'x',\n'b': 'y'}"),
        ("d = {'a': 'x' : 'y'}", None),
        ("df.loc[df.a == 1 'b']", "df.loc[df.a == 1, 'b']"),
        ("print(a, 'x' b)", "print(a, 'x', b)"),
        ("plot(x, y label=z)", "plot(x, y, label=z)"),
        ("[1 2, 3]", "[1, 2, 3]"),
        # An operator, a colon or an opening bracket may be what is missing, or `:=` be meant.
        ("print(a b)", None),
        ("print(f(a)  2)", None),
        ("max(a, b c)", None),
        ("d = {'a' 1, 'b' 2}", None),
        ("d = {'a': 1, 'b' 2}", None),
        ("total = (price 2)", None),
        ("np.sqrt(a b)", None),
        ("df.iloc[0 5]", None),
        ("mean = a + b) / 2", None),
        ("x = f(\n  a\n) + b) / 2", None),
        ("same = a == b) * 2", None),
        ("x = f(a), b) * 2", None),
        ("df['ä'] = f(b))", "df['ä'] = f(b)"),
        ("x = df[df.a > 1].head(3)).b", "x = df[df.a > 1].head(3).b"),
        ("mean = (a + b / 2", None),
        ("mean = a * b + c(d))", None),
        ("if found = search(text):\n    found", None),
        ("if found = 3:\n    found", "if found == 3:\n    found"),
        (")", None),
        ("df[df['ä'] = 'x=1'].head()", "df[df['ä'] == 'x=1'].head()"),
        ("x + 1 = y", None),
        ("f(a.b = 1)", None),
        ("for a in b:\n    print 'x', a  # so", "for a in b:\n    print('x', a)  # so"),
        ("ax.set_title('Sales)\nax.show()", "ax.set_title('Sales')\nax.show()"),
        ("x = f'{a} b", "x = f'{a} b'"),
        ("x = f'{a}, b", None),
        # Another quote is what ends it, and no part of it.
        ("print(\"total is')\nz", 'print("total is")\nz'),
        ("d = {'a': 1, \"c': 2}", "d = {'a': 1, \"c\": 2}"),
        ("f(sep='-\u2019)", "f(sep='-')"),
        ('x = \'a "q"\u2019', "x = 'a \"q\"'"),
        ("df[\"a'] + df['b']", "df[\"a\"] + df['b']"),
        ("print(\"it's)", 'print("it\'s")'),
        ("print('it\u2019s)", "print('it\u2019s')"),
        ("print('a', b')", None),
        ("print(x ')", None),
        ("x = 'a + b", None),
        ("df['a] + df['b']", "df['a'] + df['b']"),
        ("print(len(x)))", "print(len(x))"),
        ("f([1, 2)", "f([1, 2])"),
        # The missing bracket may stand at the operator, or be the one that opens.
        ("s[(s['a'] > 2 & (s['b'] < 2)]", None),
        ("s[(s['a'] > 2) & s['b'] < 2)]", None),
        ("s[(a > 2] & (b < 2)]", "s[(a > 2) & (b < 2)]"),
        ("x = s['a'].sum)\nx", "x = s['a'].sum()\nx"),
        ("print(s.sum))", "print(s.sum())"),
        ("df['a')", "df['a']"),
        ("print(\u201cit\u2019s\u201d)", 'print("it\u2019s")'),
        ("print('a \u2013 b', a \u2013 b)", "print('a \u2013 b', a - b)"),
        ("x = 3\xa0+ 1 \u2013 2", "x = 3 + 1 - 2"),
        ("x = 1\n  y = 2\n  z = 3", "x = 1\ny = 2\nz = 3"),
        ("for x in y:\nprint(x)\n\nz", "for x in y:\n    print(x)\n\nz"),
        ("for x in y:\nprint(x)\nz", None),
        # What a block makes is read in it, or nobody knows where it ends.
        ("for w in x:\nn = len(w)\n# so\n\nprint(w, n)", None),
        ("for w in x:\nn += 1\n\nprint(n)", None),
        ("def f(x):\nprint(x)\n\nf(3)", "def f(x):\n    print(x)\n\nf(3)"),
        ("for w in x:\nn = len(w)\n# so", "for w in x:\n    n = len(w)\n# so"),
        ("for w in x:\n    n = 1\n# so\n        w", "for w in x:\n    n = 1\n# so\n    w"),
        ("def f(x):\nreturn x * 2\nf(3)", "def f(x):\n    return x * 2\nf(3)"),
        # The quote at which Python stops may be right, and one before it missing.
        ('names = ["Ann", "Bob, "Cyd"]', 'names = ["Ann", "Bob", "Cyd"]'),
        ("names = ['Ann Lee, 'Bob']", "names = ['Ann Lee', 'Bob']"),
        ('d = {"a: 1, "b": 2}', 'd = {"a": 1, "b": 2}'),
        ('d = {"a": 1, k": 2}', 'd = {"a": 1, "k": 2}'),
        ('f("a, x="b")', 'f("a", x="b")'),
        ('print("He said, "hi")', None),
        ('read(sep=";, header=None, encoding="utf8")', None),
        ("Import math", "import math"),
        ("For x in y:\n    print(x)", "for x in y:\n    print(x)"),
        ("x = 1\nIf x:\n    x", "x = 1\nif x:\n    x"),
        ("Order x", None),
        ("if a = 3:\n    print 'x'", "if a == 3:\n    print('x')"),
        ("return x", None),
        ("x = 1", None),
        ("x = (" + "'a + " * 2_000, None),
    ],
)
def test_what_else_python_says_it_cannot_read_tells_what_was_meant(text, without):
    found = readable(text)
    assert (found and found.code) == without


@pytest.mark.parametrize(
    ("text", "code", "others"),
    [
        (
            "math.sqrt(abs(a - b) * 2",
            "math.sqrt(abs(a - b) * 2)",
            {"math.sqrt(abs(a) - b) * 2", "math.sqrt(abs(a - b)) * 2"},
        ),
        ("m = max(a, b - min(x)", "m = max(a, b - min(x))", {"m = max(a, b) - min(x)"}),
        ("f(g(a, b)", "f(g(a, b))", {"f(g(a), b)"}),
        # What is printed is nothing to go on with, and one of two things is no call.
        ("print(a + b, c", "print(a + b, c)", set()),
        ("x[abs(a - 2 > 1]", "x[abs(a - 2 > 1)]", {"x[abs(a) - 2 > 1]", "x[abs(a - 2) > 1]"}),
        ("g(h(a), c))", "g(h(a), c)", {"g(h(a, c))", "g(h(a), c())"}),
        ("print(len(x[0])))", "print(len(x[0]))", set()),
        ("y = x)", "y = x", {"y = x()"}),
        # The one that opens may be wrong, or typed twice.
        ("y = [1, 2)", "y = [1, 2]", {"y = (1, 2)"}),
        ("y = f([1, 2)", "y = f([1, 2])", set()),
        ("y = [[1, 2]", "y = [[1, 2]]", {"y = [1, 2]"}),
        ("y = [[1], [2]", "y = [[1], [2]]", set()),
        ("print(one))", "print(one)", {"print(one())"}),
    ],
)
def test_where_a_bracket_may_stand_elsewhere_the_code_is_known_in_all_these_forms(
    text, code, others
):
    found = readable(text)
    assert (found.code, set(found.others)) == (code, others)


def test_a_bracket_that_may_stand_in_many_places_is_not_set():
    assert readable("f(a, g(b) + d") is not None
    assert readable("f(a, g(b, c) + d - e * h(k)") is None


def test_what_was_wrong_is_said_line_by_line():
    found = readable("if x = 3:\n    print 'x'\nelse if x:\n    x")
    assert found.slips == (
        "Line 1: `=` assigns, and `==` compares.",
        "Line 2: a call needs parentheses.",
        "Line 3: `else if` is `elif` in Python.",
    )


@pytest.mark.parametrize(
    ("text", "kind", "message", "without"),
    [
        ("x = 1\nnp.ones(c.shape(), 1)", "TypeError", "'tuple' object is not callable",
         ["x = 1\nnp.ones(c.shape, 1)"]),
        ("df.index().tolist()", "TypeError", "'Index' object is not callable",
         ["df.index().tolist", "df.index.tolist()"]),
        ("f(1)", "TypeError", "'int' object is not callable", []),
        ("df['ä', 'b'].head()", "KeyError", "('ä', 'b')", ["df[['ä', 'b']].head()"]),
        ("df[('a', 'b')]", "KeyError", "('a', 'b')", ["df[['a', 'b']]"]),
        ("df['a']", "KeyError", "'a'", []),
        ("df.groupby('r')['a', 'b'].sum()", "ValueError",
         "Cannot subset columns with a tuple with more than one element. Use a list instead.",
         ["df.groupby('r')[['a', 'b']].sum()"]),
    ],
)  # fmt: skip
def test_a_call_too_many_and_columns_without_a_list_are_found(text, kind, message, without):
    found = list(without_slip(text, error(text, kind, message)))
    assert [mended.code for mended in found] == without


def test_what_is_called_too_much_has_to_be_nothing_to_call():
    text = "x = 1\njob.run()"
    (found,) = without_slip(text, error(text, "TypeError", "'int' object is not callable"))
    assert found.proof == "x = 1\nassert not callable(job.run)"


def test_a_column_that_a_statement_reads_twice_has_one_other_name():
    text = "x = 1\ndf['a'].max() - df[['b', 'a']].min()"
    place = misnamed(text, error(text, "KeyError", "'a'"))
    assert place.renamed(text, "ä ü") == "x = 1\ndf['ä ü'].max() - df[['b', 'ä ü']].min()"


def test_of_a_line_that_stands_twice_nobody_knows_which_failed():
    text = "c.shape()\nc.shape()"
    assert not list(without_slip(text, error(text, "TypeError", "'tuple' object is not callable")))


@pytest.mark.parametrize(
    ("text", "kind", "message", "name"),
    [
        ("x = 1\na.as_list()", "AttributeError", "'Series' object has no attribute 'as_list'",
         "as_list"),
        ("s.sort_values(by='ü', asc=False)", "TypeError",
         "DataFrame.sort_values() got an unexpected keyword argument 'asc'", "asc"),
        ("int('1', bas=2)", "TypeError", "'bas' is an invalid keyword argument for int()", "bas"),
        ("df['GDP'].mean()", "KeyError", "'GDP'", "GDP"),
        ('df["it\'s"]', "KeyError", '"it\'s"', "it's"),
        ("df.groupby('ü')['GDP'].mean()", "KeyError", "'Column not found: GDP'", "GDP"),
        ("df[['a', 'b']]", "KeyError", "\"['b'] not in index\"", "b"),
        ("df['a']['a']", "KeyError", "'a'", "a"),
        ("df['a'] = df['a'] + 1", "KeyError", "'a'", None),
        ("df.loc[0, 'a'], y = df['a'], 1", "KeyError", "'a'", None),
        ("out = df['a'].rename('a')", "KeyError", "'a'", None),
        ("df.agg({'a': 'sum'})['a']", "KeyError", "'a'", None),
        ("df.a().a()", "AttributeError", "'DataFrame' object has no attribute 'a'", None),
        ("df = df.drop(columns=['id'])", "KeyError", "\"['id'] not found in axis\"", None),
        ("df = df.set_index('date')", "KeyError", "\"None of ['date'] are in the columns\"", None),
        ("y = df.pop('target')", "KeyError", "'target'", None),
        ("del config['debug']", "KeyError", "'debug'", None),
        ("df.append(df2)", "AttributeError", "'DataFrame' object has no attribute 'append'", None),
        (r"df['it\'s']", "KeyError", '"it\'s"', None),
        ("f(x)", "KeyError", "'GDP'", None),
        ("x = y", "NameError", "name 'y' is not defined", None),
        ("1 / 0", "ZeroDivisionError", "division by zero", None),
    ],
)  # fmt: skip
def test_the_name_that_a_cell_failed_at_is_found_if_it_stands_there_once(text, kind, message, name):
    place = misnamed(text, error(text, kind, message))
    assert (place and place.name) == name
    if place is not None:
        assert text[place.start : place.end] == name
        assert text[place.statement_start :].startswith(text.split("\n")[-1])
        assert (place.quote != "") == (kind == "KeyError")


@pytest.mark.parametrize(
    ("quote", "name", "other", "expected"),
    [
        ("'", "unit_prce", "unit_price", 2),
        ("'", "reg", "region", 2),
        ("'", "days", "day", 2),
        ("'", "prc", "price", 2),
        ("'", "unit_prc", "Unit Price", 2),
        ("'", "qty sold", "quantity_sold", 2),
        ("'", "year", "yr", 2),
        ("'", "lng", "longitude", 2),
        ("'", "min_temp", "minimum temperature", 2),
        ("'", "pct", "percentage", 2),
        # What begins alike may be another word.
        ("'", "count", "country", 0),
        ("'", "age", "agency", 0),
        ("'", "sum", "summary", 0),
        ("'", "int", "interest", 0),
        ("'", "min", "minutes", 0),
        ("'", "temp", "template", 0),
        ("'", "mean", "meaning", 0),
        ("'", "endpoint", "end", 0),
        ("'", "ctr", "country", 0),
        ("'", "total_int", "total interest", 0),
        ("'", "The unit price", "unit_price", 2),
        # A column may be called by some of its words.
        ("'", "GDP", "Mean GDP", 1),
        ("'", "price", "price_net", 1),
        # A word more may have to be computed, or be another thing.
        ("'", "total_price", "price", 0),
        ("'", "units_returned", "units", 0),
        ("'", "price_eur", "price_usd", 0),
        ("'", "sales_2023", "sales_2022", 0),
        ("'", "returned", "not_returned", 0),
        ("'", "col1", "col10", 0),
        ("'", "banana", "apple", 0),
        ("", "minimum", "min", 2),
        ("", "is_null", "isnull", 2),
        ("", "index_by", "set_index", 2),
        ("", "as_list", "to_list", 2),
        ("", "count_values", "value_counts", 2),
        ("", "count_values", "count", 1),
        ("", "rename_columns", "rename", 1),
        ("", "index_by", "reset_index", 0),
        ("", "first", "first_valid_index", 0),
        ("", "rolling_mean", "rolling", 0),
        ("", "median", "mean", 0),
        ("", "average", "mean", 0),
    ],
)
def test_names_are_alike_that_say_the_same(quote, name, other, expected):
    place = Misnamed(name=name, start=0, end=len(name), statement_start=0, quote=quote)
    assert likeness(place, other) == expected


@pytest.mark.parametrize(
    ("name", "other", "expected"),
    [
        ("skip_na", "skipna", True),
        ("separator", "sep", True),
        ("headers", "header", True),
        ("asc", "ascending", True),
        ("column_name", "name", True),
        ("descending", "ascending", False),
        ("keep_index", "index", False),
        ("keep_index", "ignore_index", False),
        ("end", "ascending", False),
        ("type", "dtype", False),
    ],
)
def test_of_parameters_one_may_have_words_that_do_not_turn_its_meaning(name, other, expected):
    place = Misnamed(name=name, start=0, end=len(name), statement_start=0, is_parameter=True)
    assert bool(likeness(place, other)) is expected


@pytest.mark.parametrize(
    ("text", "name", "other", "expected"),
    [
        ("w = words.reversed()", "reversed", "reverse", False),
        ("words.reversed()", "reversed", "reverse", False),
        ("words.reversed()\nwords", "reversed", "reverse", True),
        ("for w in x:\n    w.reversed()\nx", "reversed", "reverse", True),
        ("x.notnulls()\nx", "notnulls", "isnulls", False),
        ("x.exclude()", "exclude", "include", False),
        ("x.descending()", "descending", "ascending", False),
        ("x.decode()", "decode", "encode", False),
        ("x.is_active()", "is_active", "active", True),
        ("x.is_sorted()", "is_sorted", "unsorted", False),
        ("x.index_by()", "index_by", "set_index", True),
    ],
)
def test_an_opposite_is_not_meant_nor_what_gives_nothing_where_it_is_used(
    text, name, other, expected
):
    start = text.index(name)
    place = Misnamed(name=name, start=start, end=start + len(name), statement_start=0)
    assert may_be_meant(place, other, text) is expected


def test_a_common_part_makes_names_alike():
    names = ["items", "set_index", "reindex_like", "mean", "sort_values"]
    assert most_alike("index_by", names, count=2) == ["set_index", "reindex_like"]


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("df[df.ä > 5 & df.b == 'x']", "df[(df.ä > 5) & (df.b == 'x')]"),
        ("df[df.a > 5 | df.b == 1 & df.c < 2]", "df[(df.a > 5) | (df.b == 1) & (df.c < 2)]"),
        ("df[(df.a > 5) & df.b == 'x']", "df[(df.a > 5) & (df.b == 'x')]"),
        ("df[~df.a & df.b in c]", "df[~df.a & (df.b in c)]"),
        ("df[df.a == (1 | 2) & df.b > 3]", "df[(df.a == (1 | 2)) & (df.b > 3)]"),
        ("x = df[\n  df.a > 5 &\n  df.b == 1\n]", "x = df[\n  (df.a > 5) &\n  (df.b == 1)\n]"),
        ("df[(df.a > 5) & (df.b == 'x')]", None),
        ("df[df.a == (1 | 2)]", None),
        # Of several, it may be one that is wrong.
        ("df[df.a > 5 & df.b == 1].c[df.d > 5 & df.e == 1]", None),
        # A comment may hold a sign as well.
        ("df[df.a > 5  # so\n & df.b == 1]", None),
    ],
)
def test_comparisons_that_are_joined_may_lack_brackets(text, without):
    line = text.split("\n")[-2 if text.endswith("\n]") else -1].strip()
    failed = ErrorInfo(ename="TypeError", evalue="unsupported operand", line=line)
    found = list(without_slip(text, failed))
    assert [mended.code for mended in found] == ([without] if without else [])
    assert all("needs brackets" in mended.notes[0] for mended in found)


def test_of_a_long_code_only_the_statement_at_fault_is_looked_into(monkeypatch):
    looked_at = []
    monkeypatch.setattr(syntax_slips, "LONGEST_S", 60)
    monkeypatch.setattr(bracket_slips, "lex", lambda code: looked_at.append(code) or lex(code))
    above = "for n in range(3):\n    f(n)\n# And so on.\n" * 2_000
    found = readable(f"{above}y = (1]\nz = [\n    'a'\n    'b': 2)")
    assert found is None
    found = readable(f"{above}y = (1]\nz = 2")
    assert found.code == f"{above}y = (1)\nz = 2"
    assert found.others == (f"{above}y = [1]\nz = 2",)
    assert found.slips == ("Line 6001: a bracket was closed by one of another kind.",)
    assert max(map(len, looked_at)) < 100


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("x = 1\n# A comment.\n\n  y = 2", "x = 1\n# A comment.\n\ny = 2"),
        ("if a:\n    b = 1\nelse if c:\n    b = 2", "if a:\n    b = 1\nelif c:\n    b = 2"),
        ("a = 1\nfor b in c:\nprint(b)\n", "a = 1\nfor b in c:\n    print(b)\n"),
        ("@f\ndef g()\n    return 1", "@f\ndef g():\n    return 1"),
        ("x = [\n1,\n(2]\n]", "x = [\n1,\n(2)\n]"),
        ('s = """\na\n"""\nprint(s', 's = """\na\n"""\nprint(s)'),
    ],
)
def test_what_a_statement_begins_with_is_looked_at_with_it(text, code):
    found = readable(text)
    assert found is not None
    assert found.code == code
