"""OpenVINO's graph of a model, filled with its weights: for a process of its own.

The process can be stopped at any point, and its memory is gone with it. OpenVINO GenAI reads a
GGUF of the model's architecture in which each tensor is small and holds nothing but its own
number; in the graph that it makes, every number is replaced by the tensor, packed on the way.
"""

from __future__ import annotations

import json
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codeface_jupyter.models.conversion.packed_matrix import Packing, new_matrix
from codeface_jupyter.models.conversion.stored_tensor import StoredTensor
from codeface_jupyter.models.folder_check import IR_FILE
from codeface_jupyter.models.openvino_library import import_openvino

if TYPE_CHECKING:
    import numpy as np
    import openvino  # noqa: TID251 - for the types only
    from numpy.typing import NDArray

__all__ = [
    "LARGEST_NUMBER",
    "SKELETON_GGUF",
    "WeightTensor",
    "fill",
    "main",
    "write_tensors",
]

# What the folder of the skeleton holds: the GGUF, and what belongs in its tensors.
SKELETON_GGUF, TENSORS_FILE = "model.gguf", "tensors.json"
MATRIX_RANK = 2
# The skeleton's numbers are in float16, which has no odd ones beyond this.
LARGEST_NUMBER = 2_048


@dataclass(frozen=True, kw_only=True)
class WeightTensor:
    """A tensor, and how it is packed if it is a matrix.

    Attributes
    ----------
    name
        What a GGUF calls it.
    stored
        Where its values are.
    packing
        See `codeface_jupyter.models.conversion.packed_matrix.packing`.
    """

    name: str
    stored: StoredTensor
    packing: Packing

    @property
    def is_matrix(self) -> bool:
        """Whether it is packed; vectors stay in float32, being small and in every layer."""
        return len(self.stored.shape) == MATRIX_RANK


def fill(
    model: openvino.Model,
    tensors: Mapping[int, WeightTensor],
    *,
    report: Callable[[int], None],
) -> None:
    """Put ``tensors`` into a graph that was made of their numbers, in place.

    Matrices that multiply the same values, such as those for queries, keys and values,
    become one: each multiplication has a fixed cost besides that of its size.

    Parameters
    ----------
    model
        As OpenVINO's reader made it of a GGUF in which each tensor holds its number.
    tensors
        By those numbers.
    report
        Called with how many values have been packed since the last call.

    Raises
    ------
    RuntimeError
        If the graph lacks one of them.
    """
    used = _fill_vectors(model, tensors)
    _spread_matrices(model, tensors)
    packer = _Packer(tensors, report)
    matrices = {output.get_node().get_friendly_name(): output for output in _matrices(model)}
    for products in _products_of_the_same(model):
        numbers = [_number(_matrix(product)) for product in products]
        for product in products:
            del matrices[_matrix(product).get_friendly_name()]
        rows = [tensors[number].stored.shape[0] for number in numbers]
        _merge(products, packer.packed(numbers), rows=rows)
        used.update(numbers)
    for output in matrices.values():
        number = _number(output.get_node())
        output.replace(packer.packed([number]).output(0))
        used.add(number)
    model.validate_nodes_and_infer_types()
    if missing := sorted(set(tensors) - used):
        name = tensors[missing[0]].name
        raise RuntimeError(f"OpenVINO's reader makes no use of {name}.")


class _Packer:
    """Packs matrices from their files, some rows at a time on every core."""

    def __init__(self, tensors: Mapping[int, WeightTensor], report: Callable[[int], None]) -> None:
        self._tensors = tensors
        self._report = report
        self._graphs: dict[tuple[int, ...], Any] = {}

    def packed(self, numbers: Sequence[int]) -> Any:
        """Return the graph of matrices, one below the other; made once."""
        key = tuple(numbers)
        if key not in self._graphs:
            self._graphs[key] = self._pack([self._tensors[number] for number in numbers])
        return self._graphs[key]

    def _pack(self, tensors: Sequence[WeightTensor]) -> Any:
        stored = [tensor.stored for tensor in tensors]
        rows, columns = sum(tensor.shape[0] for tensor in stored), stored[0].shape[1]
        matrix = new_matrix(tensors[0].packing, rows=rows, columns=columns)

        def pack(piece: tuple[StoredTensor, slice, int]) -> int:
            tensor, part, begin = piece
            place = slice(begin + part.start, begin + part.stop)
            values = tensor.rows(part)
            matrix.pack(place, values)
            return values.size

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for count in pool.map(pack, _pieces(stored)):
                self._report(count)
        return matrix.graph()


def _pieces(tensors: Sequence[StoredTensor]) -> Iterator[tuple[StoredTensor, slice, int]]:
    """Yield pieces of tensors, each with the row at which its tensor begins among all."""
    begin = 0
    for tensor in tensors:
        for part in tensor.row_slices():
            yield tensor, part, begin
        begin += tensor.shape[0]


def _fill_vectors(model: openvino.Model, tensors: Mapping[int, WeightTensor]) -> set[int]:
    """Put the vectors, norms and biases, in place of their numbers; return the numbers."""
    import numpy as np

    ops = import_openvino().opset13
    vectors = {number: tensor.stored for number, tensor in tensors.items() if not tensor.is_matrix}
    used = set()
    for node in model.get_ordered_ops():
        number = _number(node) if _is_number(node) else 0
        if number in vectors:
            values = np.array(vectors[number].rows(slice(None)), dtype=np.float32)
            # As the reader has it, with dimensions of one around it.
            shape = [1 if length == 1 else -1 for length in node.data.shape]
            constant = ops.constant(values.reshape(shape))
            for output in _in_float32(node):
                output.replace(constant.output(0))
            used.add(number)
    return used


def _spread_matrices(model: openvino.Model, tensors: Mapping[int, WeightTensor]) -> None:
    """Spread the numbers of matrices over their full shapes, so that all nodes fit together."""
    import numpy as np

    ops = import_openvino().opset13
    spread: dict[int, Any] = {}
    for output in list(_matrices(model)):
        number = _number(output.get_node())
        if number not in spread:
            shape = np.array(tensors[number].stored.shape, dtype=np.int64)
            spread[number] = ops.broadcast(np.float32(number), shape)
        output.replace(spread[number].output(0))
    model.validate_nodes_and_infer_types()


def _in_float32(node: Any) -> list[Any]:
    """Return the outputs that give a constant in float32; the reader saves it in half of that."""
    if node.output(0).get_element_type().get_type_name() == "f32":
        return [node.output(0)]
    return [port.get_node().output(0) for port in node.output(0).get_target_inputs()]


def _is_number(node: Any) -> bool:
    """Whether ``node`` is a constant of one number, several times over."""
    if node.get_type_name() != "Constant" or not node.output(0).get_element_type().is_real():
        return False
    values = node.data
    return values.size > 1 and bool((values == values.flat[0]).all())


def _number(node: Any) -> int:
    """Return the number of a tensor, which is all that a constant expression holds."""
    while node.inputs():
        node = node.input_value(0).get_node()
    return int(node.data.flat[0])


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


def _merge(products: Sequence[Any], matrix: Any, *, rows: Sequence[int]) -> None:
    """Multiply once, by ``matrix``, all matrices one below the other, and split the result.

    ``rows`` are those of each.
    """
    import numpy as np

    ops = import_openvino().opset13
    # [tokens, columns] · [all rows, columns]ᵀ → [tokens, all rows]; the parts follow each other.
    merged = ops.matmul(products[0].input_value(0), matrix, transpose_a=False, transpose_b=True)
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
    users = list(product.output(0).get_target_inputs())
    if len(users) != 1 or users[0].get_node().get_type_name() != "Add":
        return None
    total = users[0].get_node()
    bias = total.input_value(1 - users[0].get_index()).get_node()
    return (total, bias.data) if bias.get_type_name() == "Constant" else None


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


def _read_graph(skeleton: Path) -> openvino.Model:
    """Have OpenVINO GenAI read the skeleton's GGUF, and return the graph that it makes."""
    openvino = import_openvino()
    import openvino_genai

    gguf = skeleton / SKELETON_GGUF
    # An empty tokenizer: the reader would make one of the vocabulary, which the file lacks.
    openvino_genai.LLMPipeline(
        str(gguf), openvino_genai.Tokenizer(str(skeleton)), "CPU", enable_save_ov_model=True
    )
    return openvino.Core().read_model(str(skeleton / "openvino_model.xml"))


def write_tensors(tensors: Sequence[WeightTensor], skeleton: Path) -> None:
    """Write down what belongs into the graph, in the order of the numbers, for `read_tensors`."""
    plan = [asdict(tensor) for tensor in tensors]
    (skeleton / TENSORS_FILE).write_text(json.dumps(plan, default=str), encoding="utf-8")


def read_tensors(skeleton: Path) -> dict[int, WeightTensor]:
    """Return what `write_tensors` wrote, by number."""
    plan = json.loads((skeleton / TENSORS_FILE).read_text(encoding="utf-8"))
    return {
        number: WeightTensor(
            name=entry["name"],
            packing=entry["packing"],
            stored=StoredTensor(
                **entry["stored"]
                | {"file": Path(entry["stored"]["file"]), "shape": tuple(entry["stored"]["shape"])}
            ),
        )
        for number, entry in enumerate(plan, start=1)
    }


def main() -> None:
    """Write the IR beside the skeleton that the command line names, and tell how far it is."""
    openvino = import_openvino()
    skeleton = Path(sys.argv[1])
    tensors = read_tensors(skeleton)
    total = sum(tensor.stored.count for tensor in tensors.values() if tensor.is_matrix)
    done = 0

    def report(count: int) -> None:
        nonlocal done
        done += count
        # Fails once nobody listens: whoever started this process is gone.
        sys.stdout.write(f"{done} {total}\n")
        sys.stdout.flush()

    model = _read_graph(skeleton)
    fill(model, tensors, report=report)
    openvino.save_model(model, str(skeleton.parent / IR_FILE), compress_to_fp16=False)
