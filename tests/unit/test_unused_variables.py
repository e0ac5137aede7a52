"""Variables that a request speaks of, and code that takes another one for it."""

import numpy as np
import pandas as pd
import pytest

from codeface_jupyter.trials.unused_variables import unused_variables

NAMES = {
    "long": pd.DataFrame({"score": [1]}),
    "trial": pd.DataFrame({"arm": ["a"], "side_effect": ["no"]}),
    "done": pd.DataFrame({"arm": ["a"]}),
    "orders": pd.Series([1]),
    "config": {"a": 1},
    "points": np.zeros(3),
    "rate": 3,
    "clean": len,
}


@pytest.mark.parametrize(
    ("request_text", "code", "unused"),
    [
        ("from long, the mean score per class", "done['score'].mean()", ("long",)),
        ("the p-value on all patients of trial.", "f(done['arm'])", ("trial",)),
        ("the largest distance, using `points`", "np.max(x)", ("points",)),
        ("the owners in config", "for k in x:\n    print(k)", ("config",)),
        ("from long, the mean score", "long['score'].mean()", ()),
        ("from long, the mean score", "scores = df.assign(long=1)\nscores", ()),
        ("from trial, the mean", "df['trial'].mean()", ()),
        # It may be a word, or be about something else.
        ("how long does it take in the long run", "x", ()),
        ("the number of orders.", "len(full)", ()),
        ("a rise in orders, by month", "full.diff()", ()),
        ("orders that were returned", "full[full.returned]", ()),
        ("everything without the rows of trial.", "done", ("trial",)),
        ("in done, not from trial.", "done", ()),
        ("multiply by rate, from rate.", "x * 2", ()),
        ("use what is in clean.", "x", ()),
        ("from other, the mean", "x.mean()", ()),
        ("from long, the mean", "x.mean(", ()),
        ("a function that counts what is in config", "def count(x):\n    return len(x)", ()),
        ("```\nfrom long,\n```", "x", ()),
    ],
)
def test_variables_that_are_spoken_of_are_used(request_text, code, unused):
    assert unused_variables(request_text, code, NAMES) == unused
