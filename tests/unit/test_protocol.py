"""One contract in two languages: the same examples are read by the front end's tests."""

import json
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from codeface_jupyter.errors import ProtocolError
from codeface_jupyter.frontend import protocol
from codeface_jupyter.frontend.protocol import NotebookSnapshot, parse_front_end_message

DATA = Path(__file__).parents[1] / "data" / "protocol"


def examples(name):
    return json.loads((DATA / name).read_text(encoding="utf-8"))


def notebook(cells):
    return {"version": 1, "type": "notebook", "path": "a.ipynb", "asking": None, "cells": cells}


def cell(number, source=""):
    return {
        "id": f"cell{number}",
        "type": "code",
        "source": source,
        "execution_count": None,
        "is_cut": False,
    }


def test_names_and_limits_are_those_of_the_front_end():
    assert {name: getattr(protocol, name) for name in examples("limits.json")} == examples(
        "limits.json"
    )


@pytest.mark.parametrize("kind", examples("front_end_messages.json"))
def test_a_message_of_the_front_end_is_taken_as_it_is(kind):
    message = examples("front_end_messages.json")[kind]

    assert parse_front_end_message(message) == message


def test_there_is_an_example_of_every_message():
    kinds = [hint.__annotations__["type"] for hint in protocol.FrontEndMessage.__args__]

    assert len(kinds) == len(examples("front_end_messages.json"))
    assert len(protocol.KernelMessage.__args__) == len(examples("kernel_messages.json"))


@pytest.mark.parametrize("kind", examples("kernel_messages.json"))
def test_a_message_of_the_kernel_has_the_type_that_it_names(kind):
    message = examples("kernel_messages.json")[kind]

    assert TypeAdapter(protocol.KernelMessage).validate_python(message, strict=True) == message
    assert message["type"] == kind


@pytest.mark.parametrize("kind", examples("results.json"))
def test_a_result_has_the_fields_of_its_type(kind):
    result = examples("results.json")[kind]

    assert TypeAdapter(protocol.ResultData).validate_python(result, strict=True) == result


@pytest.mark.parametrize("kind", examples("bad_front_end_messages.json"))
def test_a_bad_message_is_refused_in_one_line(kind):
    with pytest.raises(ProtocolError) as caught:
        parse_front_end_message(examples("bad_front_end_messages.json")[kind])

    assert "\n" not in caught.value.message
    assert "errors.pydantic.dev" not in str(caught.value)


def test_another_version_is_named_with_a_way_out():
    with pytest.raises(ProtocolError, match=r"version 2 .* version 1") as caught:
        parse_front_end_message({"version": 2, "type": "stop"})

    assert "same codeface-jupyter" in caught.value.hint


@pytest.mark.parametrize(
    ("cells", "complaint"),
    [
        ([cell(0, "x" * (protocol.MAX_CELL_CHARACTERS + 1))], "50000 characters"),
        ([cell(n) for n in range(protocol.MAX_CELLS + 1)], "5000 items"),
        ([cell(n, "x" * protocol.MAX_CELL_CHARACTERS) for n in range(21)], "1,050,000 characters"),
    ],
    ids=["a long cell", "many cells", "a long notebook"],
)
def test_an_oversized_notebook_is_refused_with_the_limit(cells, complaint):
    with pytest.raises(ProtocolError, match=complaint):
        parse_front_end_message(notebook(cells))


def test_fields_of_a_later_release_are_left_out():
    message = {"version": 1, "type": "stop", "reason": "new in a later release"}

    assert parse_front_end_message(message) == {"version": 1, "type": "stop"}


def test_a_snapshot_knows_what_is_above_and_below_the_asking_cell():
    cells = tuple(cell(n) for n in range(4))
    snapshot = NotebookSnapshot(
        path="a.ipynb", asking="cell2", cells=cells, executed=frozenset(), source="pushed"
    )

    assert [c["id"] for c in snapshot.above] == ["cell0", "cell1"]
    assert [c["id"] for c in snapshot.below] == ["cell3"]
