"""From a GGUF to OpenVINO IR: a script, for a process of its own.

Reading takes several times the model's memory and cannot be stopped; a process can be. The
reader keeps the GGUF's blocks as they are; `requantize` then packs the matrices as they are
read fastest. The process is isolated, so that nothing of this package is imported here.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    import numpy as np
    import openvino
    from numpy.typing import NDArray

__all__ = ["PIECE_VALUES", "requantize"]

Packing = Literal["int8", "int4"]

LARGEST_INT8 = 127
# In four bits, 32 neighbours of a row share a scale and an offset, and have sixteen levels.
GROUP_VALUES, LARGEST_UINT4 = 32, 15
# Shares of a group's range that are tried: cutting off a few outliers gives all others finer steps.
RANGE_SHARES = (1.0, 0.95, 0.9, 0.85, 0.8)
MATRIX_RANK = 2
# The values that are converted at a time: the largest matrix has hundreds of millions.
PIECE_VALUES = 1 << 24


def requantize(model: openvino.Model, *, packing: Packing, intermediate_size: int) -> int:
    """Pack the matrices of ``model`` anew, in place; return how many there were.

    Matrices that multiply the same values, such as those for queries, keys and values,
    become one: each multiplication has a fixed cost besides that of its size.

    Parameters
    ----------
    model
        As the reader made it: each matrix, ``[rows, columns]``, is computed from constants.
    packing
        ``int8``: eight bits and one scale per row, which is read faster than blocks with
        scales of their own and loses no more. ``int4``: four bits for each layer's gate and
        up projections, half of all its values; eight for the rest.
    intermediate_size
        The rows of those projections.
    """

    def packed(matrices: Sequence[NDArray[np.float32]]) -> Any:
        import numpy as np

        are_widening = all(len(values) == intermediate_size for values in matrices)
        pack = _in_four_bits if packing == "int4" and are_widening else _in_eight_bits
        return pack(matrices[0] if len(matrices) == 1 else np.concatenate(matrices))

    matrices = {output.get_node().get_friendly_name(): output for output in _matrices(model)}
    count = len(matrices)
    for products in _products_of_the_same(model):
        for product in products:
            del matrices[_matrix(product).get_friendly_name()]
        _merge(products, packed([_computed(_matrix(product)) for product in products]))
    for output in matrices.values():
        output.replace(packed([_computed(output.get_node())]).output(0))
    return count


def _products_of_the_same(model: openvino.Model) -> list[list[Any]]:
    """Return the groups of matrix products that have their left side in common."""
    found: defaultdict[tuple[str, int], list[Any]] = defaultdict(list)
    for output in _matrices(model):
        users = [port.get_node() for port in output.get_target_inputs()]
        if len(users) == 1 and _multiplies_by_rows(users[0]):
            value = users[0].input_value(0)
            found[value.get_node().get_friendly_name(), value.get_index()].append(users[0])
    return [products for products in found.values() if len(products) > 1]


def _multiplies_by_rows(node: Any) -> bool:
    if node.get_type_name() != "MatMul":
        return False
    attributes = node.get_attributes()
    return bool(attributes["transpose_b"]) and not attributes["transpose_a"]


def _matrix(product: Any) -> Any:
    return product.input_value(1).get_node()


def _merge(products: Sequence[Any], matrix: Any) -> None:
    """Multiply once, by ``matrix``, all matrices one below the other, and split the result."""
    import numpy as np
    from openvino import opset13 as ops

    # [tokens, columns] · [all rows, columns]ᵀ → [tokens, all rows]; the parts follow each other.
    merged = ops.matmul(products[0].input_value(0), matrix, transpose_a=False, transpose_b=True)
    rows = [_matrix(product).output(0).get_shape()[0] for product in products]
    sums = [found for found in map(_biased, products) if found is not None]
    ends = [product.output(0) for product in products]
    if len(sums) == len(products):
        merged = ops.add(merged, ops.constant(np.concatenate([bias for _, bias in sums], axis=-1)))
        ends = [total.output(0) for total, _ in sums]
    parts = ops.variadic_split(merged, np.int64(-1), np.array(rows, dtype=np.int64))
    for index, end in enumerate(ends):
        end.replace(parts.output(index))


def _biased(product: Any) -> tuple[Any, NDArray[np.float32]] | None:
    """Return the node that adds a bias to ``product``, and the bias; None if there is none."""
    import numpy as np

    users = list(product.output(0).get_target_inputs())
    if len(users) != 1 or users[0].get_node().get_type_name() != "Add":
        return None
    total = users[0].get_node()
    bias = total.input_value(1 - users[0].get_index()).get_node()
    if not _is_constant(bias):
        return None
    return total, np.asarray(_computed(bias), dtype=np.float32)


def _matrices(model: openvino.Model) -> Iterator[Any]:
    """Yield the constant matrices that values are multiplied by or looked up in."""
    for node in model.get_ordered_ops():
        place = {"MatMul": 1, "Gather": 0}.get(node.get_type_name())
        if place is None:
            continue
        output = node.input(place).get_source_output()
        shape = output.get_partial_shape()
        is_matrix = shape.is_static and len(shape) == MATRIX_RANK
        if is_matrix and _is_constant(output.get_node()):
            yield output


def _is_constant(node: Any) -> bool:
    sources = [entry.get_source_output().get_node() for entry in node.inputs()]
    if not sources:
        return str(node.get_type_name()) == "Constant"
    return all(_is_constant(source) for source in sources)


def _computed(node: Any) -> NDArray[Any]:
    """Return the value of a constant expression, computed in float32.

    OpenVINO's own constant folding takes ten times as long.
    """
    import numpy as np

    kind, shape = node.get_type_name(), list(node.output(0).get_shape())
    if kind == "Constant" and list(node.data.shape) == shape:
        values: NDArray[Any] = node.data
        return values
    sources = [_computed(entry.get_source_output().get_node()) for entry in node.inputs()]
    computes = {"Add": np.add, "Subtract": np.subtract, "Multiply": np.multiply}
    if kind == "Convert":
        return sources[0].astype(np.float32)
    if kind == "Reshape":
        return sources[0].reshape(shape)
    if kind in computes:
        result: NDArray[Any] = computes[kind](*sources, dtype=np.float32)
        return result
    raise RuntimeError(f"OpenVINO's reader computes weights with {kind}, which is not supported.")


def _pieces(values: NDArray[np.float32]) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    rows, columns = values.shape
    step = max(1, PIECE_VALUES // columns)
    for start in range(0, rows, step):
        yield slice(start, start + step), values[start : start + step]


def _in_eight_bits(values: NDArray[np.float32]) -> Any:
    """Return the graph that multiplies int8, ``[rows, columns]``, by a scale, ``[rows, 1]``."""
    import numpy as np
    from openvino import opset13 as ops

    codes = np.empty(values.shape, dtype=np.int8)
    scales = np.empty((len(values), 1), dtype=np.float16)
    for place, piece in _pieces(values):
        scale = np.abs(piece).max(axis=1, keepdims=True) / LARGEST_INT8
        # Rounded to float16 first, so that the codes are the best ones for the scale as stored.
        scales[place] = np.maximum(scale, np.finfo(np.float16).tiny)
        rounded = np.rint(piece / scales[place].astype(np.float32))
        codes[place] = np.clip(rounded, -LARGEST_INT8, LARGEST_INT8)
    scaled = ops.multiply(ops.convert(ops.constant(codes), "f16"), ops.constant(scales))
    return ops.convert(scaled, "f32")


def _in_four_bits(values: NDArray[np.float32]) -> Any:
    """Return the graph of four-bit codes, ``[rows, groups, 32]``, with scales and offsets.

    Scales and offsets have shape ``[rows, groups, 1]``; a value is (code - offset) · scale.
    """
    import numpy as np
    from openvino import opset13 as ops

    groups = values.shape[1] // GROUP_VALUES
    codes = np.empty((len(values), groups, GROUP_VALUES), dtype=np.uint8)
    scales = np.empty((len(values), groups, 1), dtype=np.float16)
    offsets = np.empty(scales.shape, dtype=np.uint8)
    for place, piece in _pieces(values):
        grouped = piece.reshape(len(piece), groups, GROUP_VALUES)
        codes[place], scales[place], offsets[place] = _best_fit(grouped)
    centred = ops.subtract(ops.convert(_uint4(codes), "f16"), ops.convert(_uint4(offsets), "f16"))
    scaled = ops.multiply(centred, ops.constant(scales))
    shape = ops.constant(np.array(values.shape, dtype=np.int64))
    return ops.convert(ops.reshape(scaled, shape, special_zero=False), "f32")


def _best_fit(grouped: NDArray[np.float32]) -> tuple[Any, Any, Any]:
    """Return codes, scales and offsets of each group, for the range with the least error.

    ``grouped`` has shape ``[rows, groups, 32]``, scales and offsets ``[rows, groups, 1]``.
    """
    import numpy as np

    # Zero lies in every range, so that it stays exactly zero.
    low = np.minimum(grouped.min(axis=2, keepdims=True), 0)
    high = np.maximum(grouped.max(axis=2, keepdims=True), 0)
    least = np.full(low.shape, np.inf, dtype=np.float32)
    best = [np.empty(low.shape, dtype=np.float32) for _ in range(2)]
    for share in RANGE_SHARES:
        scale = np.maximum((high - low) * share / LARGEST_UINT4, np.finfo(np.float16).tiny)
        scale = scale.astype(np.float16).astype(np.float32)
        offset = np.clip(np.rint(-low * share / scale), 0, LARGEST_UINT4)
        kept = scale * (_coded(grouped, scale, offset) - offset)
        error = np.square(kept - grouped).sum(axis=2, keepdims=True)
        for found, candidate in zip(best, (scale, offset), strict=True):
            np.copyto(found, candidate, where=error < least)
        least = np.minimum(least, error)
    scale, offset = best
    return _coded(grouped, scale, offset), scale, offset


def _coded(grouped: Any, scale: Any, offset: Any) -> Any:
    import numpy as np

    return np.clip(np.rint(grouped / scale) + offset, 0, LARGEST_UINT4)


def _uint4(codes: NDArray[np.uint8]) -> Any:
    """Return a constant of four-bit codes: two in a byte, the first in the lower half."""
    import numpy as np
    import openvino
    from openvino import opset13 as ops

    flat = codes.reshape(-1)
    if flat.size % 2:
        flat = np.append(flat, np.uint8(0))
    packed = flat[0::2] | (flat[1::2] << 4)
    tensor = openvino.Tensor(openvino.Type.u4, openvino.Shape(codes.shape))
    tensor.data.reshape(-1)[:] = packed
    return ops.constant(tensor)


def _save(gguf: Path) -> None:
    """Have OpenVINO GenAI read ``gguf`` and save it as IR beside it."""
    import openvino_genai

    # An empty tokenizer: the reader would make one of the vocabulary, which the file lacks.
    openvino_genai.LLMPipeline(
        str(gguf), openvino_genai.Tokenizer(str(gguf.parent)), "CPU", enable_save_ov_model=True
    )


def _repack(graph: Path, *, packing: Packing, intermediate_size: int) -> None:
    import openvino

    model = openvino.Core().read_model(str(graph))
    if not requantize(model, packing=packing, intermediate_size=intermediate_size):
        raise RuntimeError("OpenVINO's reader made a graph without constant matrices.")
    packed = graph.with_name("packed.xml")
    openvino.save_model(model, str(packed), compress_to_fp16=False)
    # Its constants are mapped from the file that is about to be replaced.
    del model
    packed.replace(graph)
    packed.with_suffix(".bin").replace(graph.with_suffix(".bin"))


def _main(gguf: Path, graph: Path, quantization: str, intermediate_size: int) -> None:
    _save(gguf)
    # The other quantizations keep the GGUF's own blocks.
    for packing in get_args(Packing):
        if packing == quantization:
            _repack(graph, packing=packing, intermediate_size=intermediate_size)


if __name__ == "__main__":
    _main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
