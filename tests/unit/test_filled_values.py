"""Values that a code changes though only the missing ones were to be filled."""

import numpy as np
import pandas as pd
import pytest

from codeface_jupyter.outcome import Change, Outcome
from codeface_jupyter.trials.filled_values import overwritten_values

AGES = {"df": pd.DataFrame({"age": [1.0, np.nan, 3.0, np.nan]})}
FILL = "Impute the missing values of `age` with the median"


def outcome(text, *, ending="ran", kind="changed"):
    return Outcome(ending=ending, changes=(Change(name="df", kind=kind, text=text),))


@pytest.mark.parametrize(
    ("request_text", "text", "count"),
    [
        (FILL, "changes column `age` in all 4 rows", 2),
        (FILL, "changes column `age` in 3 of 4 rows", 1),
        ("some ages are missing, fill them with 0", "changes column `age` in 3 of 4 rows", 1),
        ("replace the NaN in age by the mean", "changes column `age` in all 4 rows", 2),
        (FILL, "changes column `age` in 2 of 4 rows", None),
        (FILL, "changes column `age`", None),
        (FILL, "changes column `height` in all 4 rows", None),
        (FILL, "column `age` from float64 to int64", None),
        (f"{FILL} and round them", "changes column `age` in all 4 rows", None),
        ("set all ages to the mean", "changes column `age` in all 4 rows", None),
    ],
)
def test_only_missing_values_are_to_be_filled(request_text, text, count):
    found = overwritten_values(outcome(text), AGES, request=request_text)
    assert (found and found.count) == count


def test_a_note_says_how_many():
    one, two = (
        overwritten_values(outcome(f"changes column `age` in {rows} rows"), AGES, request=FILL)
        for rows in ("3 of 4", "all 4")
    )
    assert one.note == "This changes 1 value of `age` that was not missing."
    assert two.note == "This changes 2 values of `age` that were not missing."


@pytest.mark.parametrize(
    ("found", "names"),
    [
        (None, AGES),
        (outcome("changes column `age` in all 4 rows", ending="raised"), AGES),
        (outcome("changes column `age` in all 4 rows", kind="new"), AGES),
        (outcome("changes column `age` in all 4 rows"), {}),
        (outcome("changes column `age` in all 4 rows"), {"df": [1, 2]}),
    ],
)
def test_what_is_not_known_is_not_doubted(found, names):
    assert overwritten_values(found, names, request=FILL) is None
