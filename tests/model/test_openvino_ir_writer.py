"""Weights put into OpenVINO's graph: closer than a step, smaller, and all of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from codeface_jupyter.models.conversion.openvino_ir_writer import WeightTensor, fill
from codeface_jupyter.models.conversion.packed_matrix import Quantization, packing
from codeface_jupyter.models.conversion.stored_tensor import StoredTensor

openvino = pytest.importorskip("openvino", reason="the extra [openvino] is not installed")

COLUMNS, WIDE, NARROW = 64, 96, 48
# In the reader's graph, in place of all these.
WIDTH = 4
TABLE, GATE, UP, QUERY, KEY, VALUE = (
    "token_embd.weight",
    "blk.0.ffn_gate.weight",
    "blk.0.ffn_up.weight",
    "blk.0.attn_q.weight",
    "blk.0.attn_k.weight",
    "blk.0.attn_v.weight",
)
Weights = dict[str, NDArray[np.float32]]
Store = Callable[[Weights, Quantization], dict[int, WeightTensor]]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return what writes arrays to files and describes them as tensors, numbered from one on."""

    def store(weights: Weights, quantization: Quantization) -> dict[int, WeightTensor]:
        tensors = {}
        for number, (name, values) in enumerate(weights.items(), start=1):
            file = tmp_path / name
            values.tofile(file)
            stored = StoredTensor(file=file, offset=0, kind="F32", shape=values.shape)
            tensors[number] = WeightTensor(
                name=name, stored=stored, packing=packing(name, quantization)
            )
        return tensors

    return store


def numbered(number: int, *shape: int) -> Any:
    """Return a constant as OpenVINO's reader makes it of a tensor that holds its number."""
    from openvino import opset13 as ops

    constant = ops.constant(np.full(shape, number, dtype=np.float16))
    return ops.convert(constant, "f32")


@pytest.fixture
def weights() -> Weights:
    rng = np.random.default_rng(0)
    table = rng.normal(0, 0.05, (NARROW, COLUMNS)).astype(np.float32)
    # One row of another size than the rest, and one of nothing.
    table[0] *= 30
    table[1] = 0
    return {TABLE: table, GATE: rng.normal(0, 0.05, (WIDE, COLUMNS)).astype(np.float32)}


@pytest.fixture
def model() -> Any:
    """A graph of a table that is looked up in and multiplied by, and of a widening matrix."""
    from openvino import opset13 as ops

    ids = ops.parameter([-1], dtype=np.int64, name="ids")
    table = numbered(1, WIDTH, WIDTH)
    rows = ops.gather(table, ids, ops.constant(np.int64(0)))
    # Apart, so that the two products do not have their left side in common.
    wide = ops.matmul(ops.abs(rows), numbered(2, WIDTH, WIDTH), False, True)
    head = ops.matmul(rows, table, transpose_a=False, transpose_b=True)
    return openvino.Model([wide, head], [ids])


def run(model: Any) -> list[NDArray[np.float32]]:
    exact = {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0}
    compiled = openvino.Core().compile_model(model, "CPU", exact)
    return list(compiled(np.arange(NARROW)).values())


def matrix_types(model: Any) -> list[str]:
    """Return the types of the constants that are larger than any scales."""
    constants = [op for op in model.get_ops() if op.get_type_name() == "Constant"]
    large = [op for op in constants if np.prod(op.output(0).get_shape()) > NARROW * COLUMNS / 2]
    return [op.get_element_type().get_type_name() for op in large]


def drop(_: int) -> None:
    """Hear of progress without a use for it."""


@pytest.mark.parametrize(
    ("quantization", "largest_error", "types"),
    [
        ("int8", 0.02, {"i8"}),
        ("int4", 0.12, {"i8", "u4"}),
        ("q8_0", 0.02, {"u8"}),
        ("q4_0", 0.15, {"u8", "u4"}),
    ],
)
def test_results_stay_close(
    quantization: Quantization,
    largest_error: float,
    types: set[str],
    model: Any,
    weights: Weights,
    store: Store,
) -> None:
    told: list[int] = []
    fill(model, store(weights, quantization), report=told.append)
    assert sum(told) == sum(values.size for values in weights.values())
    assert set(matrix_types(model)) == types
    table, gate = weights.values()
    for got, expected in zip(run(model), (np.abs(table) @ gate.T, table @ table.T), strict=True):
        assert np.linalg.norm(got - expected) <= largest_error * np.linalg.norm(expected)


def test_blocks_that_a_gguf_has_already_lose_nothing(
    model: Any, weights: Weights, store: Store
) -> None:
    from gguf import GGMLQuantizationType, dequantize, quantize

    kind = GGMLQuantizationType.Q8_0
    kept = {name: dequantize(quantize(values, kind), kind) for name, values in weights.items()}
    fill(model, store(kept, "q8_0"), report=drop)
    table, gate = kept.values()
    np.testing.assert_allclose(run(model)[0], np.abs(table) @ gate.T, rtol=1e-5, atol=1e-5)


def test_a_table_shared_by_two_stays_one(model: Any, weights: Weights, store: Store) -> None:
    fill(model, store(weights, "int8"), report=drop)
    assert matrix_types(model).count("i8") == 2


def test_a_tensor_that_the_graph_lacks_is_told(model: Any, weights: Weights, store: Store) -> None:
    more = weights | {"blk.0.unknown.weight": weights[GATE]}
    with pytest.raises(RuntimeError, match=r"makes no use of blk\.0\.unknown\.weight"):
        fill(model, store(more, "int8"), report=drop)


@pytest.mark.parametrize("biased", [(0, 1, 2), (0, 2), ()], ids=["biases", "some", "no biases"])
@pytest.mark.parametrize("quantization", ["int8", "int4"])
def test_matrices_that_multiply_the_same_become_one(
    quantization: Quantization, biased: tuple[int, ...], store: Store
) -> None:
    from openvino import opset13 as ops

    rng = np.random.default_rng(1)
    rows = (NARROW, 16, 16) if biased else (WIDE, WIDE)
    names = (QUERY, KEY, VALUE) if biased else (GATE, UP)
    weights: Weights = {
        name: rng.normal(0, 0.05, (count, COLUMNS)).astype(np.float32)
        for name, count in zip(names, rows, strict=True)
    }
    for place in biased:
        name = names[place].replace("weight", "bias")
        weights[name] = rng.normal(0, 1, rows[place]).astype(np.float32)
    numbers = {name: number for number, name in enumerate(weights, start=1)}

    values = ops.parameter([-1, -1], dtype=np.float32)
    products = [
        ops.matmul(values, numbered(numbers[name], count if biased else WIDTH, WIDTH), False, True)
        for name, count in zip(names, rows, strict=True)
    ]
    for place in biased:
        # A sum has no order.
        number = numbers[names[place].replace("weight", "bias")]
        terms = (products[place], numbered(number, 1, rows[place]))
        products[place] = ops.add(*(reversed(terms) if place == 1 else terms))
    model = openvino.Model([ops.relu(product) for product in products], [values])
    fill(model, store(weights, quantization), report=drop)

    kinds = [op.get_type_name() for op in model.get_ops()]
    # All biases become one, too; of some, each stays where it was.
    sums = 1 if len(biased) == len(rows) else len(biased)
    assert (kinds.count("MatMul"), kinds.count("Add")) == (1, sums)
    exact = {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0}
    given = np.eye(4, COLUMNS, dtype=np.float32)
    compiled = openvino.Core().compile_model(model, "CPU", exact)
    largest_error = 0.02 if biased or quantization == "int8" else 0.12
    for name, got in zip(names, compiled(given).values(), strict=True):
        bias = weights.get(name.replace("weight", "bias"), np.float32(0))
        expected = np.maximum(given @ weights[name].T + bias, 0)
        assert got.shape == expected.shape
        assert np.linalg.norm(got - expected) <= largest_error * np.linalg.norm(expected)
