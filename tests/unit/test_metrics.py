from codeface_jupyter.generation import (
    EngineIdentity,
    GenerationMetrics,
    GenerationResult,
    SamplingParameters,
)
from codeface_jupyter.metrics import SessionMetrics, SessionSummary


def result(*, text="x", finish_reason="stop", **metrics):
    return GenerationResult(
        text=text,
        finish_reason=finish_reason,
        metrics=GenerationMetrics(**metrics),
        identity=EngineIdentity(engine="e", model="m"),
        sampling=SamplingParameters(),
        prompt="p",
    )


def generated(first_token_s, **metrics):
    return result(
        **{
            "prompt_tokens": 10,
            "generated_tokens": 11,
            "time_to_first_token_s": first_token_s,
            "decode_s": 2.0,
            "peak_memory_bytes": 5,
        }
        | metrics
    )


def test_summary_of_nothing_is_zero():
    assert SessionMetrics().summary() == SessionSummary()


def test_summary_adds_up_and_leaves_replays_out_of_the_medians():
    metrics = SessionMetrics(clock=lambda: 1.0)
    for first_token_s in (0.1, 0.3, 0.2):
        metrics.add_result(generated(first_token_s, reused_prompt_tokens=4), response_cache="miss")
    replay = result(generated_tokens=11, from_response_cache=True)
    metrics.add_result(replay, response_cache="hit", saved_s=2.5)
    metrics.add_result(result(finish_reason="error"), error=ValueError())
    summary = metrics.summary()
    assert summary.requests == 5
    assert summary.errors == 1
    assert summary.prompt_tokens == 30
    assert summary.reused_prompt_tokens == 12
    assert summary.generated_tokens == 33
    assert summary.median_time_to_first_token_s == 0.2
    assert summary.median_decode_tokens_per_s == 5.0
    assert (summary.response_cache_hits, summary.response_cache_misses) == (1, 3)
    assert summary.response_cache_saved_s == 2.5
    assert summary.peak_memory_bytes == 5
    assert metrics.records[-1].error == "ValueError"


def test_an_answer_that_broke_off_does_not_lower_the_medians():
    metrics = SessionMetrics()
    metrics.add_result(generated(0.2))
    for _ in range(3):
        broken = result(finish_reason="error", generated_tokens=3)
        metrics.add_result(broken, error=RuntimeError())
    summary = metrics.summary()
    assert summary.median_time_to_first_token_s == 0.2
    assert summary.median_decode_tokens_per_s == 5.0
    assert summary.generated_tokens == 20


def test_loads_are_counted_and_a_model_in_memory_is_no_load():
    metrics = SessionMetrics()
    metrics.add_result(generated(0.1, load_s=3.0))
    metrics.add_result(generated(0.1, load_s=1e-5))
    metrics.add_load(2.0)
    assert metrics.summary().load_s == 5.0


def test_record_holds_lengths_and_the_cell_but_no_text():
    metrics = SessionMetrics(clock=lambda: 0.0)
    record = metrics.add_result(result(text="secret"), cell_id="c1", response_cache="miss")
    row = record.as_row()
    assert row["at"] == "1970-01-01T00:00:00.000+00:00"
    assert (row["prompt_chars"], row["answer_chars"], row["cell_id"]) == (1, 6, "c1")
    assert row["max_new_tokens"] == SamplingParameters().max_new_tokens
    assert "secret" not in str(row)


def test_reset_starts_anew():
    metrics = SessionMetrics()
    metrics.add_result(result(load_s=1.0), saved_s=1.0)
    metrics.reset()
    assert metrics.summary() == SessionSummary()


def test_only_the_latest_records_are_kept_and_all_are_counted(monkeypatch):
    metrics, whole = SessionMetrics(clock=lambda: 1.0), SessionMetrics(clock=lambda: 1.0)
    for number in range(10):
        answer = generated(0.5, load_s=1.0, peak_memory_bytes=100 - number)
        for one in (metrics, whole):
            monkeypatch.setattr(
                "codeface_jupyter.metrics.records.RECORDS_KEPT", 3 if one is metrics else 100
            )
            one.add_result(answer, response_cache="miss")
    assert len(metrics.records) == 3
    assert metrics.summary() == whole.summary()
    metrics.reset()
    assert metrics.summary() == SessionSummary()
