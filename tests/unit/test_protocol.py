"""One contract in two languages: the same examples are read by the front end's tests."""

import json
import re
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from pydantic import TypeAdapter

from codeface_jupyter.errors import ProtocolError
from codeface_jupyter.frontend import protocol, saved_output
from codeface_jupyter.frontend.front_end import NotebookSnapshot
from codeface_jupyter.frontend.protocol import parse_front_end_message, parse_payload
from codeface_jupyter.magics.notebook import cells_of
from codeface_jupyter.prompts.code_blocks import CELL_MAGICS

DATA = Path(__file__).parents[1] / "data" / "protocol"
FRONT_END = Path(__file__).parents[2] / "labextension" / "src"
METHODS = {
    value.method: value
    for value in vars(protocol).values()
    if isinstance(value, protocol.Notification | protocol.Request)
}


def examples(name):
    return json.loads((DATA / name).read_text(encoding="utf-8"))


def notebook(cells):
    return {"path": "a.ipynb", "asking": None, "cells": cells}


def examples_of(part):
    """Return the methods that have a payload or a result, as ``part`` says."""
    return [method for method, example in examples("payloads.json").items() if part in example]


def cell(number, source=""):
    return {
        "id": f"cell{number}",
        "type": "code",
        "source": source,
        "execution_count": None,
        "is_cut": False,
    }


def test_the_page_takes_code_behind_each_cell_magic():
    source = (FRONT_END / "protocol.ts").read_text(encoding="utf-8")
    taken = dict(re.findall(r"\['(\w+)', '(%%\w+)'\]", source))

    assert taken == CELL_MAGICS


def test_names_and_limits_are_those_of_the_front_end():
    limits, declared = examples("limits.json"), vars(protocol) | vars(saved_output)

    assert {name: declared[name] for name in limits} == limits


@pytest.mark.parametrize("kind", examples("front_end_messages.json"))
def test_a_message_of_the_front_end_is_taken_as_it_is(kind):
    message = examples("front_end_messages.json")[kind]

    assert parse_front_end_message(message) == message


@pytest.mark.parametrize("sender", ["front_end", "kernel"])
def test_there_is_an_example_of_every_message(sender):
    union = {"front_end": protocol.FrontEndMessage, "kernel": protocol.KernelMessage}[sender]
    types = {get_args(get_type_hints(message)["type"])[0] for message in get_args(union)}

    assert types == set(examples(f"{sender}_messages.json"))


@pytest.mark.parametrize("kind", examples("kernel_messages.json"))
def test_a_message_of_the_kernel_has_the_type_that_it_names(kind):
    message = examples("kernel_messages.json")[kind]

    assert TypeAdapter(protocol.KernelMessage).validate_python(message, strict=True) == message
    assert message["type"] == kind


def test_there_is_an_example_of_every_method():
    assert set(METHODS) == set(examples("payloads.json"))
    requests = {name for name, method in METHODS.items() if isinstance(method, protocol.Request)}
    assert requests == set(examples_of("result"))


@pytest.mark.parametrize("method", examples("payloads.json"))
def test_a_payload_is_taken_as_it_is(method):
    payload = examples("payloads.json")[method]["payload"]

    assert parse_payload(METHODS[method].payload, payload, method=method) == payload


@pytest.mark.parametrize("method", examples_of("result"))
def test_a_result_is_taken_as_it_is(method):
    result = examples("payloads.json")[method]["result"]

    assert parse_payload(METHODS[method].result, result, method=method) == result


@pytest.mark.parametrize("kind", examples("bad_payloads.json"))
def test_a_bad_payload_is_refused_in_one_line_that_names_the_method(kind):
    example = examples("bad_payloads.json")[kind]
    method = METHODS[example["method"]]
    part = "payload" if "payload" in example else "result"

    with pytest.raises(ProtocolError, match=f"^{method.method}") as caught:
        parse_payload(getattr(method, part), example[part], method=method.method)

    assert "\n" not in caught.value.message
    assert "errors.pydantic.dev" not in str(caught.value)


def test_a_question_is_taken_up_to_its_limit_and_without_blanks_around_it():
    longest = "?" * protocol.MAX_QUESTION_CHARACTERS
    taken = parse_payload(
        protocol.FOLLOW_UP.payload, {"answer_id": "a", "question": f"  {longest}\n"}, method="m"
    )
    assert taken["question"] == longest

    with pytest.raises(ProtocolError, match=r"follow_up\.question: .*20000 characters"):
        parse_payload(
            protocol.FOLLOW_UP.payload,
            {"answer_id": "a", "question": longest + "?"},
            method="follow_up",
        )


@pytest.mark.parametrize("kind", examples("results.json"))
def test_a_result_has_the_fields_of_its_type(kind):
    result = examples("results.json")[kind]

    assert TypeAdapter(saved_output.ResultData).validate_python(result, strict=True) == result


@pytest.mark.parametrize("kind", examples("batches.json"))
def test_a_batch_has_the_fields_of_its_type(kind):
    batch = examples("batches.json")[kind]

    assert TypeAdapter(saved_output.BatchData).validate_python(batch, strict=True) == batch


@pytest.mark.parametrize("kind", examples("bad_front_end_messages.json"))
def test_a_bad_message_is_refused_in_one_line(kind):
    with pytest.raises(ProtocolError) as caught:
        parse_front_end_message(examples("bad_front_end_messages.json")[kind])

    assert "\n" not in caught.value.message
    assert "errors.pydantic.dev" not in str(caught.value)


def test_another_version_is_named_with_a_way_out():
    with pytest.raises(ProtocolError, match=r"version 1 .* version 2") as caught:
        parse_front_end_message({"version": 1, "type": "open"})

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
        parse_payload(protocol.CELLS.payload, notebook(cells), method="cells")


def test_fields_of_a_later_release_are_left_out():
    message = examples("front_end_messages.json")["notification"]
    later = {"reason": "new in a later release"}

    assert parse_front_end_message({**message, **later}) == message
    assert parse_payload(protocol.STOP.payload, later, method="stop") == {}


def test_what_is_refused_is_not_repeated_at_length():
    with pytest.raises(ProtocolError) as caught:
        parse_front_end_message({"version": 2, "type": "x" * 5_000_000})

    assert len(str(caught.value)) < 500


def test_a_snapshot_knows_what_is_above_and_below_the_asking_cell():
    cells = tuple(cell(n) for n in range(4))
    snapshot = NotebookSnapshot(
        path="a.ipynb", asking="cell2", cells=cells, executed=frozenset(), source="pushed"
    )

    assert [c["id"] for c in snapshot.above] == ["cell0", "cell1"]
    assert [c["id"] for c in snapshot.below] == ["cell3"]
    assert [c.is_below for c in cells_of(snapshot, below=True)] == [False, False, True]
