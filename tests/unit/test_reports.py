import html
import re
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace

import nbformat
import pandas as pd
import pytest
from markdown_it import MarkdownIt
from nbconvert import HTMLExporter
from pydantic import TypeAdapter

from codeface_jupyter.errors import MetricsError
from codeface_jupyter.frontend.saved_output import BATCH_MIME, RESULT_MIME, BatchData
from codeface_jupyter.generation import (
    EngineIdentity,
    GenerationMetrics,
    GenerationResult,
    SamplingParameters,
)
from codeface_jupyter.metrics import SessionMetrics
from codeface_jupyter.response_cache import CacheStatus
from codeface_jupyter.session.events import BatchItem
from codeface_jupyter.view.batch_report import BatchReport, batch_table
from codeface_jupyter.view.plots import Series, sparkline, svg_plots
from codeface_jupyter.view.reports import SessionReport, cache_table, records_frame

SVG = "{http://www.w3.org/2000/svg}"


def add(metrics, *, decode_s, peak_memory_bytes=0, model="m", finish_reason="stop", **options):
    metrics.add_result(
        GenerationResult(
            text="x",
            finish_reason=finish_reason,
            metrics=GenerationMetrics(
                prompt_tokens=10,
                reused_prompt_tokens=5,
                generated_tokens=11,
                time_to_first_token_s=0.5,
                decode_s=decode_s,
                peak_memory_bytes=peak_memory_bytes,
            ),
            identity=EngineIdentity(engine="e", model=model),
            sampling=SamplingParameters(),
            prompt="p",
        ),
        **options,
    )


@pytest.fixture
def metrics():
    metrics = SessionMetrics(clock=lambda: 1_700_000_000.0)
    for decode_s in (1.0, 20.0, 2.0, 0.5, 4.0, 5.0):
        add(metrics, decode_s=decode_s)
    return metrics


def report(metrics):
    return SessionReport(metrics.summary(), metrics.records)


def svg_of(made):
    html = made._repr_mimebundle_()["text/html"]
    return ET.fromstring(re.search(r"<svg.*</svg>", html, re.DOTALL)[0])


def test_text_report_has_sums_sparklines_and_slowest_first(metrics):
    text = str(report(metrics))
    assert "30 of 60 prompt tokens reused (50%)" in text
    assert re.search(r"decode rate +▅▁▃█▂▁  0\.50 tokens/s to 20\.0 tokens/s", text)
    slowest = [float(took) for took in re.findall(r"\d\d:\d\d:\d\d +([\d.]+) s", text)]
    assert slowest == [20.5, 5.5, 4.5, 2.5, 1.5]


@pytest.mark.parametrize(("peak", "said"), [(640_000_000, "640 MB"), (2_340_000_000, "2.3 GB")])
def test_memory_is_told_as_in_all_other_places(metrics, peak, said):
    add(metrics, decode_s=1.0, peak_memory_bytes=peak)
    assert re.search(rf"peak memory +{said}\b", str(report(metrics)))


def test_the_slowest_say_what_their_time_went_to_and_a_replayed_one_has_no_rate():
    metrics = SessionMetrics(clock=lambda: 1_700_000_000.0)
    own = {"prompt_tokens": 10, "generated_tokens": 11, "tries_s": 1.5}
    for times in (
        {"time_to_first_token_s": 0.5, "decode_s": 1.0, "load_s": 2.0},
        {"from_response_cache": True},
    ):
        result = GenerationResult(
            text="x",
            finish_reason="stop",
            metrics=GenerationMetrics(**own, **times),
            identity=EngineIdentity(engine="e", model="m"),
            sampling=SamplingParameters(),
            prompt="p",
        )
        metrics.add_result(result)
    text = re.sub(r" {2,}", " | ", str(report(metrics)))
    assert " | 5.0 s | 2.0 s | 1.5 s | 0.50 s | 10 + 11 | 10.0 | m | stop" in text
    assert " | 1.5 s | 1.5 s | 10 + 11 | m | replayed" in text


def test_what_ghost_text_did_is_counted_in_words(metrics):
    for words in ("asked 1 time, 1 shown", "asked 2 times, 2 shown"):
        metrics.add_completion(is_shown=True, seconds=0.1)
        assert words in str(report(metrics))


def test_plot_has_a_point_per_answer_higher_for_more(metrics):
    rate, wait = svg_of(report(metrics)).findall(f"{SVG}g")
    heights = [float(circle.get("cy")) for circle in rate.iter(f"{SVG}circle")]
    assert len(heights) == 6
    assert min(heights) == heights[3]
    assert max(heights) == heights[1]
    assert "0.50 s" in wait.find(f"{SVG}text").text


def test_exported_notebook_keeps_the_plot(metrics):
    output = nbformat.v4.new_output("display_data", data=report(metrics)._repr_mimebundle_())
    cell = nbformat.v4.new_code_cell("%codeface_stats", outputs=[output])
    html, _ = HTMLExporter().from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))
    assert 'aria-label="decode rate: 0.50 tokens/s to 20.0 tokens/s' in html
    assert "Slowest requests" in html


def test_plot_names_no_fixed_colour(metrics):
    html = report(metrics)._repr_mimebundle_()["text/html"]
    assert not re.search(r"#[0-9a-fA-F]{3,6}\b|(?:fill|stroke|color):\s*(?:black|white|rgb)", html)
    assert "currentColor" in html


def test_names_are_shown_literally(metrics):
    add(metrics, decode_s=50.0, model='<img src=x onerror="alert(1)">')
    html = report(metrics)._repr_mimebundle_()["text/html"]
    assert "<img" not in html
    assert svg_of(report(metrics)) is not None


def test_report_of_nothing_has_no_plot():
    bundle = report(SessionMetrics())._repr_mimebundle_()
    assert "<svg" not in bundle["text/html"]
    assert "Slowest" not in bundle["text/plain"]
    assert "requests" in bundle["text/plain"]


def test_replays_are_left_out_of_the_timeline(metrics):
    result = GenerationResult(
        text="x",
        finish_reason="stop",
        metrics=GenerationMetrics(generated_tokens=11, from_response_cache=True),
        identity=EngineIdentity(engine="e", model="m"),
        sampling=SamplingParameters(),
        prompt="p",
    )
    metrics.add_result(result, response_cache="hit", saved_s=7.0)
    assert len(list(svg_of(report(metrics)).iter(f"{SVG}circle"))) == 12
    assert "1 of 1 replayed, 7.0 s saved" in str(report(metrics))


@pytest.mark.parametrize(
    ("values", "line"),
    [([], ""), ([None], "·"), ([0.0], "▁"), ([1, None, 8], "▂·█"), ([5, 5], "██")],
)
def test_sparkline(values, line):
    series = Series(name="n", unit="u", values=values, labels=[""] * len(values))
    assert sparkline(series) == line
    ET.fromstring(svg_plots([series]))


def test_frame_has_a_row_per_request(metrics):
    frame = records_frame(metrics.records)
    assert len(frame) == 6
    assert isinstance(frame["at"].dtype, pd.DatetimeTZDtype)
    assert frame["generated_tokens"].sum() == 66
    assert frame["decode_tokens_per_s"].max() == 20.0
    assert records_frame([]).empty


def test_frame_without_pandas_says_what_to_do(metrics, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MetricsError, match=r"needs pandas.*\n.*pip install pandas"):
        records_frame(metrics.records)


def answered(text, *, request="please", error=None, finish_reason="stop", notes=()):
    result = GenerationResult(
        text=text,
        finish_reason=finish_reason,
        metrics=GenerationMetrics(),
        identity=EngineIdentity(engine="e", model="m"),
        sampling=SamplingParameters(),
        prompt="p",
        notes=notes,
    )
    return BatchItem(request=request, result=result, error=error)


def test_batch_table_cuts_between_words():
    item = answered("word " * 40, request="please " * 40)
    ((_, request, answer, _, _),) = batch_table([item], elapsed_s=1.0).rows
    assert request == "please " * 6 + "…"
    assert answer == "word " * 9 + "…"


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("# the total of all\n\n# units\ntotal = 1  # of all", "total = 1 # of all"),
        ("# nothing else", "# nothing else"),
    ],
)
def test_batch_table_shows_the_code_not_the_comment_above_it(code, shown):
    item = answered(f"```python\n{code}\n```")
    ((_, _, answer, _, _),) = batch_table([item], elapsed_s=1.0).rows
    assert answer == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("```python\n# Find", ""),
        ("```", ""),
        ("", ""),
        ("```python\n# Find it\nx = 1\ny = x.gro", "x = 1"),
        ("```python\n# Find it\n\nx = 1", ""),
        ("```python\nx = 1\n```\nThis is", "x = 1"),
        ("The best class", "The best class"),
    ],
)
def test_of_what_was_stopped_a_batch_shows_whole_lines_and_nothing_to_unfold_without_any(
    text, shown
):
    item = answered(text, finish_reason="cancelled")
    ((_, _, code, _, end),) = batch_table([item], elapsed_s=1.0).rows
    assert (code, end) == (shown, "stopped early")
    assert len(unfolded([answered("x = 2"), item])) == (3 if shown else 2)


def test_where_nothing_was_answered_a_batch_has_no_rate():
    stopped = answered("", finish_reason="cancelled")
    metrics = GenerationMetrics(generated_tokens=11)
    stopped = replace(stopped, result=replace(stopped.result, metrics=metrics))
    title = batch_table([stopped], elapsed_s=6.4).title
    assert title == "0 of 1 requests answered in 6.4 s"


def test_a_batch_says_in_words_how_each_answer_ended():
    items = [
        answered("x = 1"),
        answered("x = ", finish_reason="length"),
        answered("x", finish_reason="cancelled"),
        answered("", finish_reason="error", error=MetricsError("No pen.")),
    ]
    ends = [row[-1] for row in batch_table(items, elapsed_s=1.0).rows]
    assert ends == ["done", "cut off", "stopped early", "MetricsError: No pen."]


def unfolded(items, **options):
    """Return a batch's table, and each answer as the HTML that comes of it."""
    report = BatchReport(items, elapsed_s=1.0, kept_as="answers", **options)
    markdown = report._repr_mimebundle_()["text/markdown"]
    return MarkdownIt().enable("table").render(markdown).split("<details>")


def test_a_batch_shows_each_request_and_answer_whole():
    code = "\n".join(f"row_{number} = {number}" for number in range(40))
    item = answered(f"```python\n{code}\n```", request="add the rows " * 9, notes=("A note.",))
    _, shown = unfolded([item])
    assert code in shown
    assert "A note." in shown
    assert "<blockquote>\n<p>add the rows add" in shown
    assert shown.endswith("</details>")


def test_what_a_batch_shows_is_literal_and_stays_in_its_place():
    items = [
        answered("![x](https://example.org/x)", request="<b>*now*</b> `do` it!"),
        answered("</details>\n\n```python\nx = '</details>'"),
        answered("", error=MetricsError("No pen.\n\n# Head\n- item <i>"), finish_reason="error"),
    ]
    _, asked, closing, failed = unfolded(items)
    assert "<summary>0: &lt;b&gt;&#42;now&#42;&lt;&#47;b&gt;" in asked
    assert "<img" not in asked
    assert closing.count("</details>") == 1
    assert html.unescape(failed).count("MetricsError: No pen. # Head - item <i>") == 1
    assert "<h1>" not in failed


def test_of_a_batch_that_asked_nothing_there_is_nothing_to_unfold():
    shown = BatchReport([answered("")], elapsed_s=1.0)
    assert "<details>" not in shown._repr_mimebundle_()["text/markdown"]
    assert ".code" not in str(shown)


def test_each_answer_of_a_batch_has_an_output_of_its_own_on_our_page():
    code = "```python\nx = 1\n```"
    items = [
        answered(code, request="add the rows " * 9),
        answered("x = ", error=MetricsError("No pen."), finish_reason="error"),
        answered("", error=MetricsError("No ink."), finish_reason="error"),
    ]
    report = BatchReport(items, elapsed_s=1.0, kept_as="answers", cell_id="c1", insert="replace")
    bundle = report._repr_mimebundle_()
    batch = TypeAdapter(BatchData).validate_python(bundle[BATCH_MIME], strict=True)

    whole, partial, failed = batch["answers"]
    result = whole["bundle"][RESULT_MIME]
    assert [block["code"] for block in result["blocks"]] == ["x = 1"]
    assert result["question"] == items[0].request
    # In the place of the cell, one answer would take the others with it.
    assert (result["cell_id"], result["insert"]) == ("c1", "button")
    assert partial["bundle"][RESULT_MIME]["text"] == "x = "
    assert (failed["error"], failed["bundle"]) == ("MetricsError: No ink.", None)
    assert bundle["text/markdown"].startswith(batch["table"])
    assert all(answer["head"] in bundle["text/markdown"] for answer in batch["answers"])


def test_cache_table_says_what_is_kept_and_what_is_wrong(metrics):
    summary = metrics.summary()
    well = str(
        cache_table(
            summary,
            CacheStatus(place="memory", entries=1_234, size_bytes=5, is_complete=False),
            failures={},
            is_on=True,
        )
    )
    assert "1,234 or more" in well
    ill = str(
        cache_table(
            summary,
            CacheStatus(place="redis://h", trouble="it is away"),
            failures={"unreachable": 7},
            is_on=False,
        )
    )
    assert "it is away" in ill
    assert "entries" not in ill
    assert re.search(r"unreachable +7", ill)
