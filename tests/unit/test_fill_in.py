"""Braces in a request: what is filled in, what is left as typed, and what is said of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pandas as pd
import pytest

from codeface_jupyter.config import Settings
from codeface_jupyter.context import FilledRequest
from codeface_jupyter.magics.extension import Extension
from codeface_jupyter.magics.fill_in import fill_in
from codeface_jupyter.namespace import resolve


def fill(typed: str, **names: object) -> FilledRequest:
    notebook = SimpleNamespace(lookup=lambda expression: resolve(expression, names))
    config = SimpleNamespace(settings=Settings())
    extension = cast("Extension", SimpleNamespace(notebook=notebook, config=config))
    return fill_in(extension, typed)


def test_a_value_is_filled_in_and_named() -> None:
    filled = fill("plot {n} bars", n=5)
    assert (filled.text, filled.filled_in, filled.notes) == ("plot 5 bars", ("n",), ())


def test_a_server_gets_the_braces_and_the_user_the_name_of_the_setting() -> None:
    filled = fill("use {n} like {In[1]}", n=5, In=["", "x = 1"]).without_values()
    assert filled.text == "use {n} like x = 1"
    assert filled.filled_in == ("In[1]",)
    assert "{n}" in filled.notes[-1]
    assert "send_values_to_remote" in filled.notes[-1]


@pytest.mark.parametrize("typed", ["{password}", "{cfg['password']}", "{df['password']}"])
def test_what_is_called_a_password_is_not_filled_in(typed: str) -> None:
    cfg = {"password": "hunter2"}
    names = {"password": "hunter2", "cfg": cfg, "df": pd.DataFrame({"password": ["hunter2"]})}
    filled = fill(f"why does {typed} fail?", **names)
    assert filled.text == f"why does {typed} fail?"
    assert "its name looks like that of a secret" in filled.notes[0]


def test_a_password_within_a_value_is_hidden() -> None:
    filled = fill("print {cfg}", cfg={"host": "h", "password": "hunter2"})
    assert filled.text == "print {'host': 'h', 'password': '***'}"
    assert "{cfg}" in filled.notes[0]


@pytest.mark.parametrize("rows", [2, 1_000])
def test_the_password_column_of_a_table_is_hidden(rows: int) -> None:
    users = pd.DataFrame({"name": ["ann"] * rows, "password": ["hunter2"] * rows})
    filled = fill("describe {users}", users=users)
    assert "ann" in filled.text
    assert "hunter2" not in filled.text
    assert "(hidden)" in filled.text
    assert list(users["password"]) == ["hunter2"] * rows


@pytest.mark.parametrize(
    "value",
    [
        pd.Series({"name": "ann", "password": "hunter2"}),
        pd.Series({"hunter2": 5}).rename_axis("password"),
        pd.DataFrame({"visits": [5]}, index=pd.Index(["hunter2"], name="password")),
        pd.Index(["hunter2"], name="password"),
    ],
    ids=["row", "counts", "index of a table", "index"],
)
def test_what_a_row_or_an_index_names_as_secret_is_hidden(value: object) -> None:
    filled = fill("describe {value}", value=value)
    assert "hunter2" not in filled.text
    assert "(hidden)" in filled.text


def test_what_the_user_types_is_looked_through_as_well() -> None:
    filled = fill("connect with password = 'hunter2' and plot")
    assert filled.text == "connect with password = '***' and plot"
    assert "***" in filled.notes[0]


class Slow:
    def __str__(self) -> str:
        # It is stopped: a thread that waits in steps can be.
        end = time.monotonic() + 60
        while time.monotonic() < end:
            time.sleep(0.01)
        return ""


class Broken:
    def __str__(self) -> str:
        raise ValueError("no rows yet")

    @property
    def total(self) -> int:
        raise ValueError("no rows yet")


@pytest.mark.parametrize(
    ("typed", "value", "said"),
    [
        ("{x}", Slow(), "took longer than 1 s"),
        ("{x}", Broken(), "raised ValueError: no rows yet"),
        ("{x.total}", Broken(), "raised ValueError: no rows yet"),
        ("{x}", 10**6_000, "raised ValueError"),
    ],
    ids=["hangs", "raises", "property raises", "huge number"],
)
def test_an_object_whose_text_cannot_be_had_stays_in_braces(
    typed: str, value: object, said: str
) -> None:
    filled = fill(f"use {typed}", x=value)
    assert filled.text == f"use {typed}"
    assert said in filled.notes[0]


def test_a_query_is_described_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    class Relation:
        def __repr__(self) -> str:
            self.was_run = True
            return "a million rows"

    module: Any = SimpleNamespace(DuckDBPyRelation=Relation)
    monkeypatch.setitem(__import__("sys").modules, "duckdb", module)
    relation = Relation()
    filled = fill("plot {rel}", rel=relation)
    assert "Relation" in filled.text
    assert not hasattr(relation, "was_run")
    assert filled.notes == ()


def test_a_long_value_is_cut_and_that_is_said() -> None:
    filled = fill("summarize {payload}", payload="x" * 30_000)
    assert 1_000 < len(filled.text) < 10_000
    assert "Sent in part: {payload}" in filled.notes[0]


def test_writing_a_long_list_does_not_take_long() -> None:
    start = time.perf_counter()
    filled = fill("sum {numbers}", numbers=[[0] * 10**6] * 10)
    assert time.perf_counter() - start < 1
    assert filled.text.startswith("sum [[0, 0")


def test_names_of_any_script_are_filled_in() -> None:
    names: Mapping[str, object] = {"税率": 0.2, "été": 3}
    assert fill("{税率} und {été}", **names).text == "0.2 und 3"


@pytest.mark.parametrize("typed", ["{limi}", "{Limit}"])
def test_of_a_mistyped_name_in_braces_the_near_one_is_said(typed: str) -> None:
    filled = fill(f"the first {typed} rows", limit=5)
    assert filled.text == f"the first {typed} rows"
    name = typed.strip("{}")
    assert filled.notes == (
        f"{typed} went as typed: '{name}' is not defined in this notebook. Did you mean limit?",
    )


def test_braces_that_are_no_name_of_the_notebook_go_without_a_word() -> None:
    assert fill("a set like {frame}, {x}, {'a': 1}", name=5, limit=3).notes == ()
    assert fill("each row as {value}, all as {names}", values=[1], name=5).notes == ()
