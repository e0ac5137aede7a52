"""What a session keeps of its answers, as a notebook shows it."""

import json
import re
from urllib.error import URLError
from urllib.request import urlopen

import pytest

SCRIPTED = "-e scripted -m scripted"
AWAY = "redis://mary:s3cret@127.0.0.1:1/0"


def ask(notebook, text="say hello", options="", **run):
    made = notebook.run(f"%%codeface {SCRIPTED} {options}\n{text}", **run)
    assert made.reply["status"] == "ok"
    return made


def cache_shown(notebook):
    run = notebook.run("%codeface_cache")
    assert run.reply["status"] == "ok"
    return run.bundles[-1]["text/plain"]


def error_of(run):
    assert run.reply["status"] == "error"
    return re.sub(r"\x1b\[\d+m", "", "\n".join(run.reply["traceback"]))


def test_stats_show_sums_timeline_and_slowest(notebook):
    ask(notebook)
    ask(notebook)
    bundle = notebook.run("%codeface_stats").bundles[-1]
    assert "1 of 2 replayed" in bundle["text/plain"]
    assert "decode rate" in bundle["text/plain"]
    assert "<svg" in bundle["text/html"]
    assert "Slowest requests" in bundle["text/html"]


def test_stats_as_json_and_as_a_frame_and_reset(notebook):
    ask(notebook, cell_id="cell-1")
    figures = json.loads(notebook.run("%codeface_stats --json").text)
    assert figures["requests"] == 1
    notebook.run("frame = %codeface_stats --frame")
    assert notebook.value("frame['cell_id'].tolist()") == ["cell-1"]
    figures = json.loads(notebook.run("%codeface_stats --reset --json").text)
    assert figures["requests"] == 0


def test_a_completion_model_that_is_not_there_is_told_where_it_is_set(notebook):
    run = notebook.run("%codeface_config engine=auto completion_model=no-such-model")

    assert run.reply["status"] == "ok"
    assert "Warning: completion_model: no-such-model is not on this machine" in run.text


def test_metrics_are_served_until_the_extension_is_unloaded(notebook):
    ask(notebook)
    said = notebook.run("%codeface_stats --serve 0").text
    url = re.search(r"http://127\.0\.0\.1:\d+/metrics", said)[0]
    assert notebook.run("%codeface_stats --serve 0").text == said
    assert "already being served" in error_of(notebook.run("%codeface_stats --serve 1"))
    ask(notebook, "something else")
    text = urlopen(url, timeout=10).read().decode()
    sample = 'codeface_requests_total{engine="scripted",finish_reason="stop",model="scripted"} 2.0'
    assert sample in text
    notebook.run("%unload_ext codeface_jupyter")
    with pytest.raises(URLError):
        urlopen(url, timeout=10)
    notebook.run("%load_ext codeface_jupyter")


def test_gateway_that_is_away_is_one_clear_error(notebook):
    shown = error_of(notebook.run("%codeface_stats --push http://mary:s3cret@127.0.0.1:1"))
    assert shown.startswith("MetricsError: The metrics could not be pushed to http://***@127.0.0.1")
    assert "s3cret" not in shown


def test_cache_is_shown_cleared_and_switched_off_and_on(notebook):
    ask(notebook)
    replay = ask(notebook)
    assert "--no-cache asks again" in replay.bundles[-1]["text/markdown"]
    shown = cache_shown(notebook)
    assert re.search(r"state +on", shown)
    assert re.search(r"entries +1\b", shown)
    assert re.search(r"hits +1\b", shown)
    told = notebook.run("%codeface_cache off").text
    assert told == "The response cache is off: every question asks the model.\n"
    assert "--no-cache" not in ask(notebook).bundles[-1]["text/markdown"]
    assert re.search(r"state +off", cache_shown(notebook))
    assert notebook.run("%codeface_cache on").text == "The response cache is on.\n"
    assert "--no-cache asks again" in ask(notebook).bundles[-1]["text/markdown"]
    assert notebook.run("%codeface_cache clear").text == "Answers removed: 1\n"
    assert "--no-cache" not in ask(notebook).bundles[-1]["text/markdown"]
    refused = notebook.run("%codeface_cache drop")
    assert refused.reply["ename"] == "UsageError"


def test_redis_away_warns_once_and_its_password_is_never_shown(notebook):
    set_up = notebook.run(f"%config CodeFace.response_cache = '{AWAY}'")
    runs = [ask(notebook, text) for text in ("one", "two", "three")]
    warnings = [text for run in runs for text in run.text.splitlines()]
    assert len(warnings) == 1
    assert warnings[0].startswith("Warning: The response cache redis://***@127.0.0.1:1/0 cannot be")
    shown = cache_shown(notebook)
    assert "redis://***@127.0.0.1:1/0" in shown
    assert re.search(r"failed: unreachable +[3-9]", shown)
    cleared = notebook.run("%codeface_cache clear")
    assert "ResponseCacheError" in error_of(cleared)
    notebook.run("%codeface_cache off")
    notebook.run("%codeface_cache on")
    runs += [set_up, cleared, notebook.run("%codeface_config"), notebook.run("%config CodeFace")]
    said = json.dumps([run.messages for run in runs[1:]], default=str) + shown
    inputs = json.dumps(AWAY)[1:-1]
    assert "s3cret" not in said.replace(inputs, "")
    assert "redis://***@127.0.0.1:1/0" in runs[-2].bundles[-1]["text/plain"]


def test_a_value_beside_spaces_is_told_how_to_be_written(notebook):
    run = notebook.run("%codeface_config temperature = 0.2")
    assert run.reply["ename"] == "UsageError"
    assert "name=value without spaces" in run.reply["evalue"]


def test_a_refused_setting_does_not_keep_the_extension_from_loading_again(notebook):
    said = notebook.run("%config CodeFace.temperature = 9").text
    assert "temperature = 9" in said
    assert notebook.run("%reload_ext codeface_jupyter").reply["status"] == "ok"
    assert notebook.run("%codeface_stats").reply["status"] == "ok"
