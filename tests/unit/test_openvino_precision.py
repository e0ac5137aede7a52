"""What the dtype setting means to OpenVINO."""

from __future__ import annotations

import pytest

from codeface_jupyter.engines.openvino import precision as openvino_precision
from codeface_jupyter.engines.openvino.precision import precision_properties

GROUP, KEYS = "DYNAMIC_QUANTIZATION_GROUP_SIZE", "KV_CACHE_PRECISION"


@pytest.mark.parametrize(
    ("dtype", "quantization", "capabilities", "expected"),
    [
        ("auto", "int8", ["FP32", "BF16"], {GROUP: 128, KEYS: "bf16"}),
        ("auto", "int4", ["FP32", "BF16"], {KEYS: "bf16"}),
        ("auto", "int8", ["FP32"], {GROUP: 128}),
        ("auto", "", ["FP32"], {}),
        ("float16", "int8", ["BF16"], {GROUP: 128, "INFERENCE_PRECISION_HINT": "f16"}),
    ],
)
def test_faster_keys_and_groups_are_taken_where_they_can_be(
    dtype: str,
    quantization: str,
    capabilities: list[str],
    expected: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(openvino_precision, "_capabilities", lambda _: capabilities)
    found = precision_properties(dtype, "CPU", quantization=quantization)
    assert found == expected


def test_float32_is_exact_whatever_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino_precision, "_capabilities", lambda _: ["BF16"])
    found = precision_properties("float32", "CPU", quantization="int8")
    assert (found[GROUP], found[KEYS]) == (0, "f32")


def test_other_devices_choose_for_themselves() -> None:
    assert precision_properties("auto", "GPU", quantization="int8") == {}
