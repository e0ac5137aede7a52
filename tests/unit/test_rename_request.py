"""Requests to rename a variable, and the code renamed."""

from __future__ import annotations

import time

import pytest

from codeface_jupyter.trials.rename_request import RenameRequest

BIG_TO_LARGE = RenameRequest(old="big", new="large")


@pytest.mark.parametrize(
    "request_text",
    [
        "rename big to large",
        "Rename the variable `big` to `large`.",
        "please rename big into large",
        " rename function big as large!\n",
        "rename big -> large",
    ],
)
def test_it_is_read(request_text: str) -> None:
    assert RenameRequest.read(request_text) == BIG_TO_LARGE


@pytest.mark.parametrize(
    "request_text",
    [
        "rename column big to large",
        "rename the column `big` to `large`",
        "rename big to large and sort by it",
        "rename big items to large",
        "rename `big to large`",
        "rename sales.big to large",
        "do not rename big to large",
        "rename",
        "",
    ],
)
def test_what_asks_for_more_or_for_something_else_is_not(request_text: str) -> None:
    assert RenameRequest.read(request_text) is None


@pytest.mark.parametrize(
    ("code", "renamed"),
    [
        ("big = 3\nx.big = big  # big", "large = 3\nx.big = large  # big"),
        (
            "big = 1\nprint(f'a big {big:.2f} thing')",
            "large = 1\nprint(f'a big {large:.2f} thing')",
        ),
        ("big = 1\nprint('it is big', biggest)", "large = 1\nprint('it is big', biggest)"),
        ("def big(n):\n    return big(n - 1)", "def large(n):\n    return large(n - 1)"),
        ("for big in range(3):\n    print(big)", "for large in range(3):\n    print(large)"),
        ("big = [big for big in x]", "large = [large for large in x]"),
        ("with open(x) as big:\n    big.read()", "with open(x) as large:\n    large.read()"),
        ("try:\n    1\nexcept E as big:\n    big", "try:\n    1\nexcept E as large:\n    large"),
        ("import pandas as big\nbig.x", "import pandas as large\nlarge.x"),
        ("é = 'ü'; big = é; big", "é = 'ü'; large = é; large"),
        ("big: int = 3\nbig += 1", "large: int = 3\nlarge += 1"),
        ("big = 1\ndef f():\n    global big", "large = 1\ndef f():\n    global large"),
        ("match x:\n    case [big, *_]: big", "match x:\n    case [large, *_]: large"),
        ("(big := 3) + big", "(large := 3) + large"),
        ("big = 1\nplt.title('big ones')", "large = 1\nplt.title('big ones')"),
        ("def big():\n    'A big one.'", "def large():\n    'A big one.'"),
        ("x = 'a\x0cb\u2028c'\nbig = 1\nbig", "x = 'a\x0cb\u2028c'\nlarge = 1\nlarge"),
        ("x = 1\r\nbig = 1\r\nbig", "x = 1\r\nlarge = 1\r\nlarge"),
    ],
)
def test_each_place_of_the_name_has_the_other_one(code: str, renamed: str) -> None:
    assert BIG_TO_LARGE.renamed(code) == renamed


@pytest.mark.parametrize(
    "code",
    [
        "print(big)",
        "big = big + 1",
        "big += 1",
        "for big in big: pass",
        "print(f'{big}')\nbig = 1",
        "df['big'] = 1\nbig = 2",
        "big = 1\ndf.query('qty > @big')",
        "big = make()\nduckdb.sql('select * from big')",
        "big = make()\nquery = 'select * from big'\nduckdb.sql(query)",
        "big = make()\nduckdb.sql(f'select * from big limit {n}')",
        "big = 1\nprint('{big}'.format(**locals()))",
        "big = 1\nprint('%(big)s' % vars())",
        "class big:\n    def next(self) -> 'big | None': pass",
        "def big(n):\n    'Twice.\\n\\n>>> big(3)'",
        "big = 1\ndf[f'big']",
        "class A:\n    big = 1",
        "def f(big): return big\nf(big=3)",
        "import big\nbig.x",
        "from x import big\nbig",
        "large = 1\nbig = 2",
        "big = large()",
        "x.big = 1",
        "big = (",
        "%time big = 1",
        f"big = {'-' * 150}1",
        "",
    ],
)
def test_what_others_see_of_it_or_nobody_can_tell_is_left_alone(code: str) -> None:
    assert BIG_TO_LARGE.renamed(code) is None


@pytest.mark.parametrize("new", ["2x", "class", "print", "big"])
def test_the_new_name_has_to_be_one_that_is_free(new: str) -> None:
    assert RenameRequest(old="big", new=new).renamed("big = 1\nprint(big)") is None


def test_a_long_code_is_renamed_without_delay() -> None:
    code = f"big = big + 1  # {'-' * 1_000}\n" * 5_000
    code = f"big = 0\n{code}"
    begin = time.perf_counter()
    assert BIG_TO_LARGE.renamed(code) == code.replace("big", "large")
    assert time.perf_counter() - begin < 5
