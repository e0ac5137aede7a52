"""The line that shows a cell's result, where an edit leaves it out."""

from __future__ import annotations

import pytest

from codeface_jupyter.trials.kept_result import with_result

SQUARES = "squares = []\nfor n in range(6):\n    squares.append(n ** 2)\nsquares"
AREA = "def area(r):\n    return 3 * r ** 2\n\narea(2)"


@pytest.mark.parametrize(
    ("code", "old", "whole"),
    [
        ("squares = [n for n in x]", SQUARES, "squares = [n for n in x]\nsquares"),
        ("area = lambda r: 3 * r\n", AREA, "area = lambda r: 3 * r\narea(2)"),
        ("def area(r):\n    return r", AREA, "def area(r):\n    return r\n\narea(2)"),
        ("x = 2\nif x:\n    y = 1", "y = x = 1\nf(\n    y)", "x = 2\nif x:\n    y = 1\nf(\n    y)"),
    ],
)
def test_it_is_kept_where_the_new_cell_makes_what_it_shows(code: str, old: str, whole: str) -> None:
    assert with_result(code, old, instruction="in one line") == whole


@pytest.mark.parametrize(
    ("code", "old"),
    [
        ("squares = [n for n in x]\nprint(squares)", SQUARES),
        ("for n in range(6):\n    print(n)", SQUARES),
        ("cubes = [n for n in x]", SQUARES),
        ("def squares(x):\n    return x", SQUARES),
        ("area = 3 * 2 ** 2", AREA),
        ("squares = (", SQUARES),
        ("", SQUARES),
        ("x = 2", "x = 1\nx;"),
        ("x = 2", "x = 1\n'x'"),
        ("x = 2", "x = 1"),
        ("x = 2", "x = 1\ny"),
        ("x = 2", "x = 1; x"),
        ("x = 2", "%time x = 1\nx"),
    ],
)
def test_it_is_not_where_something_is_shown_or_it_may_be_another_thing(code: str, old: str) -> None:
    assert with_result(code, old, instruction="in one line") == ""


@pytest.mark.parametrize(
    "words",
    [
        "don't show it",
        "don\u2019t show it",
        "without the last line",
        "only the function",
        "hide the output",
        "suppress the output",
        "get rid of the last line",
        "stop showing the table",
        "drop line 2",
        "entferne die letzte Zeile",
        "l\u00f6sche die Anzeige",
        "supprime l'affichage",
        "quita el print",
        "\u4e0d\u8981\u663e\u793a",
    ],
)
def test_it_is_not_where_it_may_have_been_asked_for(words: str) -> None:
    assert with_result("x = 2", "x = 1\nx", instruction=words) == ""


@pytest.mark.parametrize("words", ["make it two", "in one line", "as a one-line expression"])
def test_it_is_where_something_else_is_asked_for(words: str) -> None:
    assert with_result("x = 2", "x = 1\nx", instruction=words) == "x = 2\nx"


@pytest.mark.parametrize(
    ("code", "old"),
    [
        ("import os\nx = os.environ['API_TOKEN']", "x = 'local'\nx"),
        ("x = open('.env').read()", "x = open('a.txt').read()\nx"),
    ],
)
def test_it_is_not_where_it_would_show_a_secret(code: str, old: str) -> None:
    assert with_result(code, old, instruction="read it from elsewhere") == ""
