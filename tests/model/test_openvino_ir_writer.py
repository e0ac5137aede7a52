"""Matrices packed anew in OpenVINO's graph: closer than a step, smaller, and all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from codeface_jupyter.models.conversion.openvino_ir_writer import requantize

openvino = pytest.importorskip("openvino", reason="the extra [openvino] is not installed")

COLUMNS, WIDE, NARROW = 64, 96, 48


def reader_matrix(values: NDArray[np.float32]) -> Any:
    """Return a matrix as OpenVINO's reader makes it of eight-bit blocks."""
    from openvino import opset13 as ops

    blocks = values.reshape(len(values), -1, 32)
    scales = (np.abs(blocks).max(axis=2, keepdims=True) / 127).astype(np.float16)
    scales = np.maximum(scales, np.finfo(np.float16).tiny)
    codes = (np.rint(blocks / scales.astype(np.float32)) + 128).astype(np.uint8)
    offsets = np.full(scales.shape, 128, dtype=np.uint8)
    centred = ops.subtract(
        ops.convert(ops.constant(codes), "f16"), ops.convert(ops.constant(offsets), "f16")
    )
    scaled = ops.multiply(centred, ops.constant(scales))
    shape = ops.constant(np.array(values.shape, dtype=np.int64))
    return ops.convert(ops.reshape(scaled, shape, special_zero=False), "f32")


@pytest.fixture
def matrices() -> dict[str, NDArray[np.float32]]:
    rng = np.random.default_rng(0)
    table = rng.normal(0, 0.05, (NARROW, COLUMNS)).astype(np.float32)
    # One row of another size than the rest, and one of nothing.
    table[0] *= 30
    table[1] = 0
    return {"wide": rng.normal(0, 0.05, (WIDE, COLUMNS)).astype(np.float32), "table": table}


@pytest.fixture
def model(matrices: dict[str, NDArray[np.float32]]) -> Any:
    """A graph of a table that is looked up in and multiplied by, and of a widening matrix."""
    from openvino import opset13 as ops

    ids = ops.parameter([-1], dtype=np.int64, name="ids")
    table = reader_matrix(matrices["table"])
    rows = ops.gather(table, ids, ops.constant(np.int64(0)))
    wide = ops.matmul(rows, reader_matrix(matrices["wide"]), transpose_a=False, transpose_b=True)
    head = ops.matmul(rows, table, transpose_a=False, transpose_b=True)
    return openvino.Model([wide, head], [ids])


def run(model: Any) -> list[NDArray[np.float32]]:
    exact = {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0}
    compiled = openvino.Core().compile_model(model, "CPU", exact)
    return list(compiled(np.arange(NARROW)).values())


def matrix_types(model: Any) -> list[str]:
    """Return the types of the constants that are larger than any scales."""
    constants = [op for op in model.get_ops() if op.get_type_name() == "Constant"]
    large = [op for op in constants if op.data.size > NARROW * COLUMNS / 2]
    return [op.get_element_type().get_type_name() for op in large]


@pytest.mark.parametrize(
    ("packing", "largest_error", "types"),
    [("int8", 0.02, {"i8"}), ("int4", 0.12, {"i8", "u4"})],
)
def test_results_stay_close(
    packing: Any,
    largest_error: float,
    types: set[str],
    model: Any,
    matrices: dict[str, NDArray[np.float32]],
) -> None:
    table, wide = matrices["table"], matrices["wide"]
    assert requantize(model, packing=packing, intermediate_size=WIDE) == 2
    assert set(matrix_types(model)) == types
    for got, expected in zip(run(model), (table @ wide.T, table @ table.T), strict=True):
        assert np.linalg.norm(got - expected) <= largest_error * np.linalg.norm(expected)


def test_a_table_shared_by_two_stays_one(model: Any) -> None:
    requantize(model, packing="int8", intermediate_size=WIDE)
    packed = [name for name in matrix_types(model) if name == "i8"]
    assert len(packed) == 2


def test_a_graph_without_matrices_is_told() -> None:
    from openvino import opset13 as ops

    ids = ops.parameter([-1], dtype=np.float32)
    assert (
        requantize(openvino.Model([ops.relu(ids)], [ids]), packing="int8", intermediate_size=1) == 0
    )


@pytest.mark.parametrize("biased", [(0, 1, 2), (0, 2), ()], ids=["biases", "some", "no biases"])
@pytest.mark.parametrize("packing", ["int8", "int4"])
def test_matrices_that_multiply_the_same_become_one(packing: Any, biased: tuple[int, ...]) -> None:
    from openvino import opset13 as ops

    rng = np.random.default_rng(1)
    rows = (NARROW, 16, 16) if biased else (WIDE, WIDE)
    tables = [rng.normal(0, 0.05, (count, COLUMNS)).astype(np.float32) for count in rows]
    biases = [rng.normal(0, 1, (1, count)).astype(np.float32) for count in rows]

    def build(*, merged: bool) -> list[NDArray[np.float32]]:
        values = ops.parameter([-1, COLUMNS], dtype=np.float32)
        products = [ops.matmul(values, reader_matrix(t), False, True) for t in tables]
        for place in biased:
            # A sum has no order.
            terms = (products[place], ops.constant(biases[place]))
            products[place] = ops.add(*(reversed(terms) if place == 1 else terms))
        model = openvino.Model([ops.relu(product) for product in products], [values])
        if merged:
            assert requantize(model, packing=packing, intermediate_size=WIDE) == len(rows)
            kinds = [op.get_type_name() for op in model.get_ops()]
            # All biases become one, too; of some, each stays where it was.
            sums = 1 if len(biased) == len(rows) else len(biased)
            assert (kinds.count("MatMul"), kinds.count("Add")) == (1, sums)
        exact = {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0}
        compiled = openvino.Core().compile_model(model, "CPU", exact)
        return list(compiled(np.eye(4, COLUMNS, dtype=np.float32)).values())

    largest_error = 0.02 if biased or packing == "int8" else 0.12
    for got, expected in zip(build(merged=True), build(merged=False), strict=True):
        assert got.shape == expected.shape
        assert np.linalg.norm(got - expected) <= largest_error * np.linalg.norm(expected)
