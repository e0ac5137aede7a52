from codeface_jupyter.generation import (
    EngineIdentity,
    GenerationMetrics,
    GenerationResult,
    SamplingParameters,
)
from codeface_jupyter.metrics import SessionMetrics, SessionSummary


def result(**metrics):
    return GenerationResult(
        text="x",
        finish_reason="stop",
        metrics=GenerationMetrics(**metrics),
        identity=EngineIdentity(engine="e", model="m"),
        sampling=SamplingParameters(),
        prompt="p",
    )


def test_summary_of_nothing_is_zero():
    assert SessionMetrics().summary() == SessionSummary()


def test_summary_adds_up_and_leaves_replays_out_of_the_medians():
    metrics = SessionMetrics(clock=lambda: 1.0)
    for first_token_s in (0.1, 0.3, 0.2):
        metrics.add_result(
            result(
                prompt_tokens=10,
                generated_tokens=11,
                time_to_first_token_s=first_token_s,
                decode_s=2.0,
                peak_memory_bytes=5,
            )
        )
    metrics.add_result(result(generated_tokens=11, from_response_cache=True), saved_s=2.5)
    metrics.add_error(ValueError(), model="m", engine="e")
    summary = metrics.summary()
    assert summary.requests == 5
    assert summary.errors == 1
    assert summary.prompt_tokens == 30
    assert summary.generated_tokens == 33
    assert summary.median_time_to_first_token_s == 0.2
    assert summary.median_decode_tokens_per_s == 5.0
    assert summary.response_cache_hits == 1
    assert summary.response_cache_saved_s == 2.5
    assert summary.peak_memory_bytes == 5
    assert metrics.records[-1].error == "ValueError"


def test_reset_starts_anew():
    metrics = SessionMetrics()
    metrics.add_result(result(), saved_s=1.0)
    metrics.reset()
    assert metrics.summary() == SessionSummary()
