"""What a request puts into the rows and columns of a table, and the step that is missing."""

import pandas as pd
import pytest

from codeface_jupyter.outcome import Change, Outcome, Preview
from codeface_jupyter.trials.asked_layout import Layout, asked_layout, with_asked_layout
from codeface_jupyter.trials.preview import preview_data, read_preview

SCORES = pd.DataFrame(
    {
        "class": ["7A", "7A", "7B", "7B"],
        "subject": ["art", "maths", "art", "maths"],
        "score": [3.0, 5.0, 4.0, 6.0],
    }
)
MEANS = SCORES.groupby(["class", "subject"])["score"].mean()
LONG = MEANS.reset_index()
BY_CLASS = 'SCORES.groupby("class")["score"].mean()'
WIDE = 'LONG.pivot(index="class", columns="subject", values="score")'
GROUPED = 'SCORES.groupby(["class", "subject"])["score"].mean()'
ACROSS = "classes as rows, subjects as columns"


def outcome_of(value, *, variable=""):
    kind = type(value).__name__
    table = read_preview(preview_data(value)).table
    text = f"{kind} of {len(value)} rows"
    changes = (Change(name=variable, kind="new", text=text),) if variable else ()
    return Outcome(
        ending="ran",
        value="" if variable else text,
        changes=changes,
        preview=Preview(table=table, variable=variable),
    )


@pytest.mark.parametrize(
    ("request_text", "rows", "columns"),
    [
        ("mean score, classes as rows and subjects as columns", ("classes",), ("subjects",)),
        ('"Country" as the index and "A" and "B" as the columns', ("Country",), ("A", "B")),
        ("The index should be `year`. The columns should be the cities", ("year",), ("cities",)),
        ("a table (classes down, subjects across), 2 decimals", ("classes",), ("subjects",)),
        ("month number as the index, one column per store", ("month number",), ("store",)),
        ("use “Region” and “Month” as index", ("Region", "Month"), ()),
        ("sales by city", (), ()),
        ("put them in the rows", (), ()),
        ("year in the columns, not city as the index", (), ("year",)),
        ("the rows whose city is Rome, year as the index", ("year",), ()),
        ("city as rows and later year as rows", (), ()),
    ],
)
def test_what_is_asked_for_is_read(request_text, rows, columns):
    assert asked_layout(request_text) == Layout(rows=rows, columns=columns)


@pytest.mark.parametrize(
    ("code", "request_text", "step"),
    [
        (GROUPED, ACROSS, '.unstack("subject")'),
        (GROUPED, "mean score, one column per subject", '.unstack("subject")'),
        (GROUPED, "subject as rows, class as columns", '.unstack("class")'),
        (
            'SCORES.groupby("class")["subject"].value_counts()',
            "count, one column per subject",
            '.unstack("subject")',
        ),
        ("LONG", ACROSS, '.pivot(index="class", columns="subject", values="score")'),
        (f"{BY_CLASS}.reset_index()", "class as the index", '.set_index("class")'),
        (
            f"{BY_CLASS}.reset_index()",
            'Return a Series with "Class" as the index and "Mean" as the values',
            '.set_index("class")["score"]',
        ),
        ("LONG", "scores, with `class` and `subject` as index", '.set_index(["class", "subject"])'),
        (WIDE, "subjects as rows, classes as columns", ".T"),
        (
            BY_CLASS,
            'Return a DataFrame with "Class" and "Mean Score" as columns',
            ".reset_index()",
        ),
    ],
)
def test_the_missing_step_is_added(code, request_text, step):
    outcome = outcome_of(eval(code))
    found = with_asked_layout(code, outcome, request=request_text)
    assert found.code == code + step
    assert found.note.endswith(", as you asked.")
    assert found.is_given_by(outcome_of(eval(found.code)))
    assert not found.is_given_by(None)


@pytest.mark.parametrize(
    ("code", "request_text"),
    [
        (GROUPED, "mean score per class and subject"),
        (GROUPED, "one column per teacher"),
        # It is so, or another thing is meant.
        (f'{GROUPED}.unstack("subject")', ACROSS),
        ("LONG", "one row per pupil"),
        ('LONG[["class"]]', "class as the index"),
        (BY_CLASS, "class as the index"),
        (BY_CLASS, '"Class" and "Mean" as columns, no index'),
        (BY_CLASS, 'a column "Mean"'),
        (f"{GROUPED};", ACROSS),
    ],
)
def test_what_is_as_it_was_asked_for_stays(code, request_text):
    outcome = outcome_of(eval(code.rstrip(";")))
    assert with_asked_layout(code, outcome, request=request_text) is None


@pytest.mark.parametrize(
    ("request_text", "step"),
    [
        ("mean per class in the order 7B, 7A", '.loc[["7B", "7A"]]'),
        ('mean per class, in the order "7B" and "7A".', '.loc[["7B", "7A"]]'),
        ("mean per class in the order 7A, 7B", None),
        ("mean per class in the order 7C, 7B, 7A", None),
        ("mean per class in the order of their names", None),
    ],
)
def test_rows_are_put_in_the_order_that_is_named(request_text, step):
    found = with_asked_layout(BY_CLASS, outcome_of(eval(BY_CLASS)), request=request_text)
    assert (found and found.code) == (step and BY_CLASS + step)


def test_a_variable_that_is_made_gets_the_step():
    outcome = outcome_of(MEANS, variable="means")
    found = with_asked_layout(f"means = {GROUPED}", outcome, request=ACROSS)
    assert found.code == f'means = {GROUPED}\nmeans = means.unstack("subject")'


def test_what_failed_is_left_alone():
    failed = Outcome(ending="raised", error_type="KeyError", error="'x'")
    assert with_asked_layout(GROUPED, failed, request=ACROSS) is None
    assert with_asked_layout(GROUPED, None, request=ACROSS) is None
