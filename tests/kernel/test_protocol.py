"""The loaded extension serves every method that a page may send: none is only declared."""

import json
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "data" / "protocol" / "payloads.json"
METHODS = json.loads(EXAMPLES.read_text(encoding="utf-8"))


def methods(*, with_result):
    of_a_page = {name: m for name, m in METHODS.items() if m["from"] == "front end"}
    return [name for name, m in of_a_page.items() if ("result" in m) is with_result]


def data_of(message):
    return message["content"].get("data", {})


@pytest.mark.parametrize("method", methods(with_result=True))
def test_a_request_is_known_and_answered(scripted, kernel_page, method):
    kernel_page.open_comm(on_subshell=False)

    kernel_page.request(method, "asked", **METHODS[method]["payload"])
    answer = data_of(kernel_page.wait(lambda m: data_of(m).get("request_id") == "asked"))

    # What the example asks for may not be there, which is another error.
    said = answer.get("message", "")
    assert "does not know the method" not in said, "it needs bridge.handle() in Extension"


@pytest.mark.parametrize("method", methods(with_result=False))
def test_a_notification_is_known(scripted, kernel_page, method):
    kernel_page.open_comm(on_subshell=False)

    kernel_page.notify(method, **METHODS[method]["payload"])
    # Messages are taken in their order.
    kernel_page.request("get_stats", "after")
    kernel_page.wait(lambda m: data_of(m).get("request_id") == "after")

    said = [data_of(m).get("message", "") for m in kernel_page.seen]
    assert not any("does not know the method" in text for text in said), (
        "it needs bridge.on() in Extension"
    )
