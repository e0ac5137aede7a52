"""How far a completion goes, how it is indented, and when it is not worth showing."""

import pandas as pd
import pytest

from codeface_jupyter.infilling import Gap
from codeface_jupyter.trials.completing import Bounds, misfit, settled
from codeface_jupyter.trials.completing.indentation import Indentation


def gap(code):
    """Return the gap at the bar of a code."""
    prefix, suffix = code.split("|")
    return Gap(prefix=prefix, suffix=suffix)


def cut(code, text, *, max_lines=1):
    return Bounds(gap(code), max_lines=max_lines).cut(text)


def is_complete(code, text, *, max_lines=1):
    return Bounds(gap(code), max_lines=max_lines).is_complete(text)


def test_a_line_ends_at_its_end():
    assert not is_complete("x = |", "sum(values")
    assert is_complete("x = |", "sum(values)\n")
    assert cut("x = |", "sum(values)\nprint(x)") == "sum(values)"


def test_on_an_empty_line_line_breaks_before_the_text_do_not_count():
    assert not is_complete("x = 1\n|", "\n\ny")
    assert cut("x = 1\n|", "\n\ny = 2\nz = 3") == "y = 2"


def test_comments_are_left_to_the_user():
    assert cut("x = |", "1  # the first") == "1"
    assert cut("|", "# Sum the values\nx = 1") == ""
    assert cut("# Sum |", "the values") == "the values"
    assert cut("x = |", "'# no comment'") == "'# no comment'"


def test_a_block_goes_on_while_it_is_indented():
    text = "\n    total += row\n    print(total)\nprint('end')"
    assert not is_complete("for row in rows:|", text[:30], max_lines=8)
    assert is_complete("for row in rows:|", text, max_lines=8)
    assert cut("for row in rows:|", text, max_lines=8) == "\n    total += row\n    print(total)"


def test_a_block_has_no_more_lines_than_are_wanted():
    text = "\n    a\n    b\n    c\n"
    assert is_complete("for row in rows:|", text, max_lines=2)
    assert cut("for row in rows:|", text, max_lines=2) == "\n    a\n    b"


def test_in_a_body_the_block_of_the_cursors_line_is_filled():
    text = "total += row\n    print(total)\nprint('end')"
    assert cut("for row in rows:\n    |", text, max_lines=8) == "total += row\n    print(total)"
    assert cut("for row in rows:\n    |", text, max_lines=1) == "total += row"


def test_a_block_may_be_indented_by_tabs():
    text = "\n\t\ttotal += row\n\t\tprint(total)\n\treturn total"
    code = "def f(rows):\n\tfor row in rows:|"
    assert is_complete(code, text, max_lines=8)
    assert cut(code, text, max_lines=8) == "\n\t\ttotal += row\n\t\tprint(total)"
    body = "def f(rows):\n\tfor row in rows:\n\t\t|"
    assert cut(body, text[3:], max_lines=8) == "total += row\n\t\tprint(total)"
    assert settled("\t\tprint(x)", gap("def f(x):\n\tif x:\n|")) == "\t\tprint(x)"


def test_what_stands_below_already_is_not_completed():
    code = "for row in rows:\n    |\n    print(total)"
    assert cut(code, "total += row\n    print(total)\n", max_lines=8) == "total += row"


@pytest.mark.parametrize(
    ("code", "text", "fits"),
    [
        ('sales["|"]', 'region"].sum()', "region"),
        ("print(|)", "total)", "total"),
        ("print(|)", "f(x))", "f(x)"),
        ("x = | + 1", "value + 1", "value"),
        ("f(|, 3)", "a, 3)", "a"),
        ("f(|)", "a\nb", "a"),
        ("print(|)", '"a) b", 3)', '"a) b", 3'),
        ("print(|)", "':(', x)", "':(', x"),
        ("print('a|)", "b) c', x)", "b) c', x"),
    ],
)
def test_within_a_line_only_what_fits_before_its_rest_is_left(code, text, fits):
    assert cut(code, text) == fits


@pytest.mark.parametrize(
    ("code", "least", "most"),
    [
        ("if x:\n|\n", 4, 4),
        ("def f():\n  if x:\n|\n", 4, 4),
        ("if x:\n|\n        y()\n", 8, 8),
        ("def f():\n    a()\n|\n    b()\n", 4, 4),
        ("def f():\n    a()\n|\nb()\n", 0, 4),
        ("def f():\n    a()\n|\n        b()\n", 4, 4),
        ("if x:\n    a()\n|\nelse:\n    b()\n", 4, 4),
        ("a()\n|", 0, 0),
    ],
)
def test_syntax_says_how_deep_a_line_may_be(code, least, most):
    found = Indentation.of(gap(code))

    assert (found.least, found.most) == (least, most)


@pytest.mark.parametrize("code", ["x = f(\n|\n)", "    |", "x = |", '"""\n|\n"""', "if x:\n\ty\n|"])
def test_elsewhere_the_model_says_how_deep(code):
    assert Indentation.of(gap(code)) is None


def test_a_line_gets_the_nearest_indentation_that_is_allowed():
    assert settled("y = 1", gap("if x:\n|")) == "    y = 1"
    assert settled("        b()", gap("def f():\n    a()\n|")) == "    b()"
    # Where the cell cannot be read in any way, it is what the lines around allow.
    assert settled("y = ", gap("if x:\n|")) == "    y = "


@pytest.mark.parametrize(
    ("code", "text"),
    [
        # What is below is the body of a line that opens a block, or beside it.
        ("def f(x):\n    if x:\n        a()\n|\n        b()\n", "    else:"),
        ("def f(x):\n    a()\n|\n        b()\n    return x\n", "    while x:"),
        ("def f(x):\n    for y in x:\n|\n            b(y)\n", "        if y:"),
        ("try:\n    a()\n|\n    b()\n", "except ValueError:"),
        # What is below goes on with it.
        ("if z:\n    w()\nif x:\n|\n            2)\n", "    y = max(1,"),
        ("def f(x):\n    a()\n|\n\nf(1)\n", "    return x"),
    ],
)
def test_what_can_be_read_as_it_is_stays_so(code, text):
    assert settled(text, gap(code)) == text


@pytest.mark.parametrize(
    ("code", "text", "found"),
    [
        ("def f(x):\n    if x:\n        a()\n|\n        b()\n", "        else:", "    else:"),
        ("def f(x):\n    y = x\n|\n", "return y", "    return y"),
        ("for x in y:\n    a(x)\n|\nb()\n", "break", "    break"),
    ],
)
def test_what_cannot_moves_to_where_it_can(code, text, found):
    assert settled(text, gap(code)) == found


@pytest.mark.parametrize(
    "block",
    [
        "  a = 1\n  return a",
        "a = 1\nreturn a",
        "      a = 1\n\n      return a",
        "  if x:\n    y()\n  return x",
        "  a = f(\n    1,\n  )\n  return a",
        # Only the first line lacks the spaces that were not typed.
        "a = 1\n    return a",
        "a = 1\n  return a",
    ],
)
def test_a_block_is_indented_as_a_whole(block):
    code = gap("def f(x):\n|")
    found = settled(block, code)

    assert found.startswith("    ")
    assert [line.strip() for line in found.split("\n")] == [
        line.strip() for line in block.split("\n")
    ]
    assert misfit(found, code, {"y": print}) == ""
    assert all(line[:4] == "    " for line in found.split("\n") if line)


def test_half_a_character_is_not_shown():
    assert misfit("'नमस\ufffd'", gap("x = |"), {}) == "half a character"


def why_not(code, text):
    sales = pd.DataFrame({"region": ["N"], "units": [1]})
    return misfit(text, gap(code), {"sales": sales, "pd": pd})


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("total = |", 'sales["units"].sum()'),
        ("print(|)", "sales.units"),
        ("for region in sales.region:|", "\n    print(region)"),
        ("if sales.empty|", ":"),
        ("total = (\n    sales.units.|\n", "sum()"),
        ("%time sales.|", "describe()"),
        # What is written is not over yet.
        ("try:\n    total = |", "sales.units.sum()"),
        ("def f():\n    for n in (1, 2):\n        try:\n            total = |", "n"),
        ("try:\n    try:\n        x = 1\n    except ValueError:\n        total = |", "2"),
        ("rounded = sales.units.between(\n    |", "1,"),
        ("rounded = sales.units.between(\n    1,\n    |", "right=2,  # at most"),
        ("total = sum(n for n in |", "sales.units"),
        ("try:\n    # the sum |", "of all units"),
    ],
)
def test_what_fits_is_shown(code, text):
    assert why_not(code, text) == ""


def test_what_a_cell_above_will_make_is_taken_as_there():
    above = ("import numpy as np\nrates = np.ones(3)",)
    later = Gap(above=above, prefix="x = ")

    assert misfit("rates.any_name(np.pi)", later, {}) == ""
    assert "ratios" in misfit("ratios.sum()", later, {})


@pytest.mark.parametrize(
    ("code", "text", "reason"),
    [
        ("x = |", "  ", "nothing"),
        ("print(x)\n|", "print(x)", "repeat"),
        ("|\nprint(x)", "print( x )", "repeat"),
        ("x = |", "1 +", "no Python"),
        ("x = |", "sales.unit", "unit"),
        ("x = |", 'sales["regions"]', "regions"),
        ("x = |", "revenue.sum()", "revenue"),
        ("x = |", "pd.read_cvs('a.csv')", "read_cvs"),
        ("|", "import no_such_module_here", "no_such_module_here"),
        ("rounded = sales.units.between(\n    |", "least=1,", "least"),
        ("rounded = |", "sales.units.between(1)", "right"),
        ("try:\n    total = |", "1 +", "no Python"),
    ],
)
def test_what_does_not_fit_is_not_shown(code, text, reason):
    assert reason in why_not(code, text)
