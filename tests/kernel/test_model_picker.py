"""What the page's model picker asks of the kernel."""

import pytest

SETTINGS = (
    "s = get_ipython().magics_manager.registry['CodeFace'].extension.config.settings\n"
    "print(s.model, s.temperature, s.value_of('openai.base_url'))"
)


@pytest.fixture
def picker(scripted, kernel_page):
    scripted.run("%config CodeFace.model = 'scripted:10ms'")
    yield kernel_page.open_comm(on_subshell=True)
    kernel_page.close_comm()
    scripted.run("%config CodeFace.model = 'auto'")


def answer(picker, method, **payload):
    picker.request(method, method, **payload)
    while True:
        data = picker.wait(lambda m: m["content"].get("data", {}).get("request_id") == method)[
            "content"
        ]["data"]
        if data["type"] != "partial":
            return data


def test_it_gets_what_there_is_and_what_is_chosen(picker):
    choices = answer(picker, "get_models")["result"]

    assert (choices["model"], choices["engine"]) == ("scripted:10ms", "scripted")
    assert not choices["is_loaded"]
    assert {"scripted", "transformers"} <= set(choices["engines"])
    small = next(m for m in choices["models"] if m["name"] == "smollm2-135m")
    assert "memory" in small["facts"]


def test_of_auto_it_gets_what_the_session_takes_and_so_does_the_list(picker):
    session = "get_ipython().magics_manager.registry['CodeFace'].extension.session"
    told = "type('', (), {'describe': lambda *_, **__: 'auto takes mine.'})()"
    picker.run(f"{session}.model_choice = lambda settings: {told}")
    try:
        assert answer(picker, "get_models")["result"]["auto"] == "auto takes mine."
        shown = "from IPython.utils.capture import capture_output\nwith capture_output() as c:\n"
        listed = picker.run(
            f"{shown}    %codeface_models\nprint([o.data['text/plain'] for o in c.outputs])"
        )
        assert "auto takes mine." in listed
    finally:
        picker.run(f"del {session}.model_choice")


def test_it_loads_and_unloads_and_the_status_says_which(picker):
    assert answer(picker, "load_model")["result"] == {"text": ""}
    assert answer(picker, "get_models")["result"]["is_loaded"]

    assert answer(picker, "unload_model")["type"] == "response"
    assert not answer(picker, "get_models")["result"]["is_loaded"]
    states = [
        m["content"]["data"]["payload"]["state"]
        for m in picker.seen
        if m["content"].get("data", {}).get("method") == "status"
    ]
    assert states == ["loading", "idle"]


def test_it_chooses_for_the_session_and_refuses_in_words(picker):
    assert answer(picker, "use_model", model="scripted:20ms", engine="scripted")["result"] == {}
    assert "scripted:20ms" in picker.run(SETTINGS)

    refused = answer(picker, "use_model", model="x", engine="no such engine")
    assert refused["type"] == "error"
    assert "no such engine" in refused["message"]


def test_a_load_can_be_stopped(picker):
    picker.run("%config CodeFace.model = 'scripted:load60000ms'")
    picker.request("load_model", "long")
    picker.wait(lambda m: m["content"].get("data", {}).get("type") == "partial")
    picker.send(type="cancel", request_id="long")

    ended = picker.wait(
        lambda m: (
            m["content"].get("data", {}).get("request_id") == "long"
            and m["content"]["data"]["type"] == "error"
        )
    )
    assert "cancelled" in ended["content"]["data"]["message"]


def test_the_pages_settings_choose_where_nothing_else_does(picker):
    picker.run("%config CodeFace.temperature = 0.5")
    told = {"model": "scripted:30ms", "temperature": 0.9, "base_url": "http://localhost:9/v1"}
    picker._wait_for_subshell(picker.notify("settings", **told))
    shown = picker.run(SETTINGS)

    assert shown == "scripted:10ms 0.5 http://localhost:9/v1"
