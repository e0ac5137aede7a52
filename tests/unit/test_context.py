"""The whole prompt: it fits, it holds the request, and the report tells the truth."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeface_jupyter.config import Settings
from codeface_jupyter.context import (
    Cell,
    Context,
    ContextLimits,
    ContextSources,
    ErrorInfo,
    FilledRequest,
    TextFile,
    TokenCounter,
    build_context,
    read_text_file,
)
from codeface_jupyter.context.cells import MAX_CELLS_LOOKED_AT, clean
from codeface_jupyter.errors import NotebookError, PromptTooLongError, UnknownNameError
from codeface_jupyter.namespace.writing import TIMES
from codeface_jupyter.prompts import Message, Prompt, chat_messages

# What is set where nobody has set anything.
LIMITS = ContextLimits.from_settings(Settings(), context_window=None)


def count_chars(text: str) -> int:
    """Stand in for a tokenizer: about four characters to a token."""
    return -(-len(text) // 4)


def format_chat(prompt: Prompt) -> str:
    return "".join(f"<{m['role']}>{m['content']}\n" for m in chat_messages(prompt))


def build(
    request: str = "add up the price of sales",
    *,
    limits: ContextLimits | None = None,
    allow_values: bool = True,
    **sources: object,
) -> Context:
    return build_context(
        ContextSources(request=request, **sources),  # type: ignore[arg-type]
        limits=limits or LIMITS,
        count_tokens=count_chars,
        format_prompt=format_chat,
        allow_values=allow_values,
    )


def titles(context: Context, kind: str, *, included: bool = True) -> list[str]:
    return [p.title for p in context.report if p.kind == kind and p.included == included]


@pytest.fixture
def sales() -> pd.DataFrame:
    return pd.DataFrame({"region": ["north", "south"], "price": [1.5, None]})


def exchange(question: str, answer: str) -> list[Message]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


def test_cells_variables_and_request_reach_the_model(sales: pd.DataFrame) -> None:
    cells = [Cell(source="sales = load()", execution_count=1)]
    context = build(cells=cells, namespace={"sales": sales})
    assert context.prompt.cells == ("sales = load()",)
    assert f"sales: DataFrame 2{TIMES}2, columns 'region', 'price'" in context.prompt.notes
    assert "sales['price']: float64, 1 null" in context.prompt.notes
    assert context.text.index("sales = load()") < context.text.index("DataFrame")
    assert context.text.index("DataFrame") < context.text.index("add up the price")


def test_the_report_adds_up_to_the_prompt(sales: pd.DataFrame) -> None:
    context = build(cells=[Cell(source="sales = load()")], namespace={"sales": sales})
    assert context.prompt_tokens == count_chars(context.text)
    assert sum(piece.tokens for piece in context.report) == context.prompt_tokens
    assert [piece.kind for piece in context.report] == ["layout", "cell", "variable", "request"]


def test_the_report_says_that_worked_examples_are_in_the_prompt() -> None:
    def format_with_examples(prompt: Prompt) -> str:
        return "".join(m["content"] for m in chat_messages(prompt, with_examples=True))

    context = build_context(
        ContextSources(request="add up"),
        limits=LIMITS,
        count_tokens=count_chars,
        format_prompt=format_with_examples,
        allow_values=True,
    )
    assert titles(context, "layout") == ["system prompt, worked examples and layout"]
    assert titles(build("add up"), "layout") == ["system prompt and layout"]


def test_values_go_only_where_they_may(sales: pd.DataFrame) -> None:
    namespace = {"sales": sales, "names": {"alice@example.com": 3}}
    request = "sales by region and names"
    remote = build(request, namespace=namespace, allow_values=False)
    assert "sales['region']: str" in remote.text
    assert "north" not in remote.text
    assert "alice" not in remote.text
    assert "alice" in build(request, namespace=namespace).text


def test_a_description_is_cut_from_its_end(sales: pd.DataFrame) -> None:
    whole = build("price by region", namespace={"sales": sales})
    limits = replace(LIMITS, max_variable_tokens=24)
    cut = build("price by region", namespace={"sales": sales}, limits=limits)

    assert len(cut.prompt.notes.splitlines()) < len(whole.prompt.notes.splitlines())
    assert "columns 'region', 'price'" in cut.prompt.notes


def test_frames_whose_columns_are_asked_about_come_first(sales: pd.DataFrame) -> None:
    namespace = {"old": pd.DataFrame({"a": [1]}), "sales": sales, "new": pd.DataFrame({"b": [1]})}

    context = build("the mean price of each region", namespace=namespace)

    assert context.prompt.notes.splitlines()[1].startswith("sales: ")


def test_secrets_never_go() -> None:
    namespace = {"api_key": "k-12345", "config": {"password": "hunter2", "host": "h"}}
    context = build(
        "use api_key and config",
        namespace=namespace,
        cells=[Cell(source="api_key = 'k-12345'\nhost = 'h'")],
        files=[TextFile("env.txt", "host=h\npassword = 'hunter2'")],
        error=ErrorInfo(
            ename="ValueError",
            evalue="bad",
            source="login(password='hunter2')",
            names={"config": namespace["config"], "token": "t-98765"},
        ),
    )
    assert "k-12345" not in context.text
    assert "t-98765" not in context.text
    assert "hunter2" not in context.text
    assert titles(context, "variable", included=False) == ["api_key"]


@pytest.mark.parametrize(
    "sources",
    [
        {"request": "log in with password = 'hunter2'"},
        {"request": "use password: hunter2", "task": "fix"},
        {"history": exchange("password is 'hunter2'", "x = 1  # password: hunter2")},
        {"files": [TextFile(".env", "HOST=h\nDB_PASSWORD=hunter2")]},
        {"files": [TextFile("config.yaml", "db:\n  password: hunter2")]},
        {"cells": [Cell(source="The password: hunter2", cell_type="markdown")]},
        {"error": ErrorInfo(ename="E", evalue="no access to ftp://ann:hunter2@h/x")},
    ],
    ids=["request", "wish", "history", "env", "yaml", "markdown", "error"],
)
def test_no_text_of_a_prompt_holds_a_secret(sources: dict[str, object]) -> None:
    context = build(**{"request": "do it", **sources})  # type: ignore[arg-type]
    assert "hunter2" not in context.text


def test_a_secret_in_the_request_is_reported() -> None:
    context = build("log in with password = 'hunter2'")
    assert context.prompt.request == "log in with password = '***'"
    assert context.report[-1].reason == "a secret hidden"
    assert "***" in context.notes[0]


def filled_request() -> FilledRequest:
    return FilledRequest(
        text="use 5", text_without_values="use {n}", filled_in=("n",), values=("n",)
    )


def test_values_and_what_a_local_model_was_told_stay_here() -> None:
    sources = {
        "filled": filled_request(),
        "history": exchange("it is 5", "yes"),
        "history_without_values": (),
    }
    here = build("use 5", **sources)  # type: ignore[arg-type]
    assert here.prompt.request == "use 5"
    assert here.report[-1].reason == "filled in: {n}"
    assert here.prompt.history
    elsewhere = build("use 5", allow_values=False, **sources)  # type: ignore[arg-type]
    assert elsewhere.prompt.request == "use {n}"
    assert elsewhere.prompt.history == ()
    assert "send_values_to_remote" in elsewhere.notes[0]


def test_a_file_too_wide_is_sent_from_its_beginning_and_that_is_said() -> None:
    wide = ",".join(f"column_{n}" for n in range(20_000))
    context = build(files=[TextFile("wide.csv", f"{wide}\n{wide}")])
    assert "column_0,column_1," in context.prompt.notes
    assert context.notes == ("Sent in part: wide.csv (only the beginning).",)


def test_what_was_named_and_did_not_fit_is_said(sales: pd.DataFrame) -> None:
    limits = replace(LIMITS, max_variable_tokens=1)
    context = build("plot sales", namespace={"sales": sales}, limits=limits)
    assert context.notes == ("Not sent: sales (the budget for variables is used up).",)


@pytest.mark.parametrize(
    ("request_", "named"),
    [("multipliziere été", "été"), ("计算税率的平均", "税率"), ("计算df的平均", "df")],
)
def test_names_of_any_script_are_told(request_: str, named: str) -> None:
    namespace = {"été": 1.5, "税率": 0.2, "df": 3}
    assert titles(build(request_, namespace=namespace), "variable") == [named]


def test_a_frame_is_told_when_only_its_column_is_named(sales: pd.DataFrame) -> None:
    other = pd.DataFrame({"age": [1]})
    cells = [Cell(source="sales = a()", execution_count=1), Cell(source="other = b()")]
    namespace = {"other": other, "sales": sales}
    context = build("what is the mean price?", cells=cells, namespace=namespace)
    assert titles(context, "variable")[0] == "sales"


def test_of_a_whole_notebook_the_frames_nearest_above_are_told() -> None:
    cells = [
        Cell(source=f"d{n} = load({n})", execution_count=n + 1, is_below=n > 2) for n in range(8)
    ]
    frames = {f"d{n}": pd.DataFrame({"a": [n]}) for n in range(8)}
    context = build("plot it", cells=cells, namespace=frames)
    assert titles(context, "variable") == ["d2", "d1", "d0"]
    context = build("plot it", cells=[cells[0], *cells[3:]], namespace=frames)
    assert titles(context, "variable") == ["d0", "d7", "d6"]


def test_variables_can_be_named_or_refused(sales: pd.DataFrame) -> None:
    namespace = {"sales": sales, "n": 3}
    assert titles(build(namespace=namespace, variables=["n"]), "variable") == ["n"]
    assert titles(build(namespace=namespace, variables=[]), "variable") == []
    with pytest.raises(UnknownNameError, match="Did you mean sales"):
        build(namespace=namespace, variables=["sale"])


def test_numbers_that_nobody_asked_for_stay_out() -> None:
    cells = [Cell(source="n = 3\nxs = [1, 2]", execution_count=1)]
    context = build("plot it", cells=cells, namespace={"n": 3, "xs": [1, 2]})
    assert titles(context, "variable") == ["xs"]


def test_an_error_comes_with_its_cell_its_frames_and_its_values(sales: pd.DataFrame) -> None:
    source = "def mean(frame):\n    return frame['gender'].mean()\nmean(sales)"
    namespace = {"sales": sales}
    try:
        exec(compile(source, "<ipython-input-1>", "exec"), namespace)
    except KeyError as error:
        info = ErrorInfo.from_exception(error, source=source)
    cells = [Cell(source="sales = load()"), Cell(source=source)]
    context = build("fix it", cells=cells, error=info, namespace=namespace)
    assert "KeyError: 'gender'" in context.prompt.notes
    assert "in mean" in context.prompt.notes
    assert "pandas/core" not in context.prompt.notes
    # The failing cell is told once: with its error.
    assert context.prompt.cells == ("sales = load()",)
    assert source in context.prompt.notes


def test_the_names_on_the_failing_line_are_described(sales: pd.DataFrame, tmp_path: Path) -> None:
    script = tmp_path / "cell.py"
    script.write_text("def mean(frame):\n    return frame['gender'].mean()\n")
    namespace: dict[str, object] = {}
    exec(compile(script.read_text(), str(script), "exec"), namespace)
    try:
        namespace["mean"](sales)  # type: ignore[operator]
    except KeyError as error:
        info = ErrorInfo.from_exception(error)
    assert info.line == "return frame['gender'].mean()"
    assert list(info.names) == ["frame"]
    assert f"frame: DataFrame 2{TIMES}2" in build("fix it", error=info).prompt.notes


def test_a_syntax_error_names_its_line() -> None:
    try:
        compile("x = (1\ny = 2", "<cell>", "exec")
    except SyntaxError as error:
        info = ErrorInfo.from_exception(error, source="x = (1\ny = 2")
    assert info.ename == "SyntaxError"
    assert "never closed" in info.evalue
    assert info.line == "x = (1"


def test_packages_outside_the_environment_are_no_code_of_the_users(tmp_path: Path) -> None:
    package = tmp_path / "user" / "site-packages" / "package.py"
    package.parent.mkdir(parents=True)
    package.write_text("def fail():\n    raise ValueError('inside')\n")
    script = tmp_path / "cell.py"
    script.write_text("fail()\n")
    namespace: dict[str, object] = {}
    exec(compile(package.read_text(), str(package), "exec"), namespace)
    with pytest.raises(ValueError, match="inside") as caught:
        exec(compile(script.read_text(), str(script), "exec"), namespace)
    assert ErrorInfo.from_exception(caught.value).line == "fail()"


def test_an_error_that_cannot_be_printed_is_still_told() -> None:
    class BrokenError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    info = ErrorInfo.from_exception(BrokenError())
    assert info.ename == "BrokenError"
    assert "BrokenError" in build("fix it", error=info).prompt.notes


def test_of_a_long_message_its_first_500_characters_are_told() -> None:
    exact = ErrorInfo.from_exception(ValueError("v" * 500))
    longer = ErrorInfo.from_exception(ValueError("v" * 501))
    assert exact.evalue == "v" * 500
    assert longer.evalue == "v" * 500 + "…"


def test_the_latest_exchanges_are_kept() -> None:
    history = [*exchange("first " * 200, "old"), *exchange("second", "new")]
    context = build(history=history, limits=replace(LIMITS, max_history_tokens=100))
    assert context.prompt.history == tuple(exchange("second", "new"))
    assert len(titles(context, "history", included=False)) == 1


@pytest.mark.parametrize(
    ("kind", "setting", "tokens"),
    [
        ("cell", "context_tokens", 60),
        ("error", "error_tokens", 60),
        ("file", "file_tokens", 60),
        ("history", "history_tokens", 60),
        ("variable", "variable_tokens", 25),
    ],
)
def test_each_kind_keeps_to_the_share_that_its_setting_names(
    kind: str, setting: str, tokens: int
) -> None:
    def taken(**set_: int) -> int:
        limits = ContextLimits.from_settings(Settings(**set_), context_window=None)
        context = build(
            limits=limits,
            cells=[Cell(source=f"row_{n} = {n}") for n in range(200)],
            namespace={f"value_{n}": n for n in range(9)},
            variables=[f"value_{n}" for n in range(9)],
            error=ErrorInfo(ename="E", evalue="e", source="run()\n" * 200, traceback="at x\n" * 99),
            files=[TextFile("notes.txt", "\n\n".join(["the price is right"] * 200))],
            history=[*exchange("one " * 40, "1"), *exchange("two " * 20, "2")],
        )
        return sum(piece.tokens for piece in context.report if piece.kind == kind)

    assert taken() > tokens
    assert 0 < taken(**{setting: tokens}) <= tokens
    assert taken(**{setting: 0}) == 0


def test_the_relevant_part_of_a_file() -> None:
    blocks = [f"about topic{number}\n" + "word " * 30 for number in range(40)]
    file = TextFile("notes.txt", "\n\n".join(blocks))
    context = build(
        "what about topic27?", files=[file], limits=replace(LIMITS, max_file_tokens=200)
    )
    assert "about topic27\n" in context.prompt.notes
    assert "about topic30\n" not in context.prompt.notes
    piece = next(piece for piece in context.report if piece.kind == "file")
    assert piece.tokens <= 200
    assert piece.reason == "only the relevant part"


def test_files_that_cannot_be_sent_say_why(tmp_path: Path) -> None:
    binary, large = tmp_path / "a.bin", tmp_path / "b.txt"
    binary.write_bytes(b"\x00\xff\x01")
    large.write_text("x" * (2**20 + 1))
    with pytest.raises(NotebookError, match="not a UTF-8 text file"):
        read_text_file(binary)
    with pytest.raises(NotebookError, match="1,048,577 bytes"):
        read_text_file(large)
    with pytest.raises(NotebookError, match="No such file"):
        read_text_file(tmp_path / "c.txt")
    with pytest.raises(NotebookError, match="Is a directory"):
        read_text_file(tmp_path)


def test_an_empty_request_is_refused() -> None:
    with pytest.raises(NotebookError, match="The request is empty"):
        build(" \n")


def test_a_request_that_does_not_fit_says_both_numbers() -> None:
    with pytest.raises(
        PromptTooLongError, match="may take 50, but the model's context window holds 100"
    ):
        build("word " * 200, limits=replace(LIMITS, context_window=100, max_new_tokens=50))


PIECES = st.fixed_dictionaries(
    {},
    optional={
        "cells": st.lists(
            st.builds(Cell, source=st.sampled_from(["a = 1", "b = 2\n" * 40, "import os"])),
            max_size=12,
        ),
        "namespace": st.just({"price": [1, 2, 3], "sales": {"k": 1}}),
        "files": st.just([TextFile("a.txt", "some words\n\n" * 60)]),
        "history": st.just(exchange("before", "then " * 40) * 3),
        "error": st.just(ErrorInfo(ename="E", evalue="v" * 90, source="raise E\n" * 30)),
    },
)


@settings(deadline=None, max_examples=60)
@given(sources=PIECES, window=st.integers(120, 900))
def test_the_prompt_always_fits_and_never_loses_the_request(
    sources: dict[str, object], window: int
) -> None:
    limits = replace(LIMITS, context_window=window, max_new_tokens=20)
    try:
        context = build("add up the price of sales", limits=limits, **sources)
    except PromptTooLongError:
        assert count_chars(format_chat(Prompt(request="add up the price of sales"))) > window - 20
        return
    assert context.prompt_tokens <= window - 20
    assert context.prompt.request == "add up the price of sales"
    assert context.text == format_chat(context.prompt)
    assert all(piece.included or piece.reason for piece in context.report)


@settings(deadline=None, max_examples=30)
@given(number=st.integers(1, 12), request=st.sampled_from(["plot a", "sort it", "b"]))
def test_consecutive_requests_share_all_cells(number: int, request: str) -> None:
    cells = [Cell(source=f"a{n} = {n}", execution_count=n) for n in range(number + 1)]
    first = build("add up", cells=cells[:-1])
    second = build(request, cells=cells)
    shared = first.text.index(cells[-2].source) + len(cells[-2].source)
    assert first.text[:shared] == second.text[:shared]


def test_a_counter_kept_between_requests_counts_only_what_is_new() -> None:
    asked: list[str] = []

    def count(text: str) -> int:
        asked.append(text)
        return count_chars(text)

    counter = TokenCounter(count)
    cells = [Cell(source=f"a{n} = {n}") for n in range(30)]
    for request in ("one", "two"):
        asked.clear()
        build_context(
            ContextSources(request=request, cells=cells),
            limits=LIMITS,
            count_tokens=counter,
            format_prompt=format_chat,
        )
    assert not any(text.startswith("a3 = 3") for text in asked)


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in ("/dev/zero", pipe, tmp_path):
        with pytest.raises(NotebookError):
            read_text_file(path)
    # The system makes it up while it is read.
    assert read_text_file("/proc/self/status").text == ""


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="looks into /proc")
def test_a_folder_that_is_refused_is_not_left_open(tmp_path: Path) -> None:
    with pytest.raises(NotebookError):
        read_text_file(tmp_path)
    opened = [descriptor.resolve() for descriptor in Path("/proc/self/fd").iterdir()]
    assert tmp_path.resolve() not in opened


def test_a_notebook_beyond_all_measure_is_not_read_again_for_each_question() -> None:
    cells = [Cell(source=f"v{number} = 1") for number in range(MAX_CELLS_LOOKED_AT + 7)]
    context = build(cells=cells)
    misses = clean.cache_info().misses
    build("another question", cells=cells)
    assert clean.cache_info().misses == misses
    assert "7 more cells" in titles(context, "cell", included=False)
    assert "1 more cell" in titles(build(cells=cells[6:]), "cell", included=False)
