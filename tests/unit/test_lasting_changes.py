"""Changes of a part of a frame, which pandas 3 makes in a copy."""

import pandas as pd
import pytest

from codeface_jupyter.trials import lasting_changes
from codeface_jupyter.trials.lasting_changes import with_lasting_changes
from codeface_jupyter.trials.shape import shape

needs_copies = pytest.mark.skipif(
    int(pd.__version__.partition(".")[0]) < 3, reason="changes are made in the frame itself"
)


@pytest.fixture
def variables():
    table = pd.DataFrame({"a": [1.0, None, 3.0], "b": [1, 2, 3], "ü": [None, 5.0, 6.0]})
    levels = pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_product([["x"], ["a", "b"]]))
    return {
        "levels": levels,
        "df": table,
        "mask": table["b"] > 1,
        "column": "a",
        "parts": {"a": table["a"]},
    }


def run(code, variables):
    names = {"pd": pd, **variables, "df": variables["df"].copy()}
    exec(code, names)
    return names["df"]


@needs_copies
@pytest.mark.parametrize(
    ("code", "lasting", "changed"),
    [
        ("df['a'].fillna(0, inplace=True)", "df['a'] = df['a'].fillna(0)", ["a"]),
        ("df.a.fillna(value=0, inplace=True)", "df.a = df.a.fillna(value=0)", ["a"]),
        ("df[column].ffill(inplace=True)  # so", "df[column] = df[column].ffill()  # so", ["a"]),
        ("(df['a'].fillna(0, inplace=True))", "df['a'] = df['a'].fillna(0)", ["a"]),
        ("(\n    df['a']\n    .fillna(0, inplace=True)\n)", "df['a'] = df['a'].fillna(0)", ["a"]),
        (
            "df[df['b'] > 1].fillna(0, inplace=True)",
            "df[df['b'] > 1] = df[df['b'] > 1].fillna(0)",
            ["a"],
        ),
        (
            "df[['a', 'ü']].fillna(0, inplace=True)",
            "df[['a', 'ü']] = df[['a', 'ü']].fillna(0)",
            ["a", "ü"],
        ),
        (
            "for c in df.columns:\n    df[c].fillna(df[c].max(), inplace=True)",
            "for c in df.columns:\n    df[c] = df[c].fillna(df[c].max())",
            ["a", "ü"],
        ),
        (
            "try:\n    df['a'].fillna(0, inplace=True)\nexcept KeyError:\n    raise",
            "try:\n    df['a'] = df['a'].fillna(0)\nexcept KeyError:\n    raise",
            ["a"],
        ),
        ("df['a'][df['b'] > 1] = 0", "df.loc[df['b'] > 1, 'a'] = 0", ["a"]),
        ("df[df.b > 1]['a'] = 0", "df.loc[df.b > 1, 'a'] = 0", ["a"]),
        ("df[mask]['b'] += 1", "df.loc[mask, 'b'] += 1", ["b"]),
        ("df['b'][df['a'].isna() | ~mask] = 9", "df.loc[df['a'].isna() | ~mask, 'b'] = 9", ["b"]),
        ("big = df.b > 2\ndf['a'][big] = 0", "big = df.b > 2\ndf.loc[big, 'a'] = 0", ["a"]),
        (
            "df['ü'].clip(upper=5.5, inplace=True); df['a'][mask] = 0",
            "df['ü'] = df['ü'].clip(upper=5.5); df.loc[mask, 'a'] = 0",
            ["a", "ü"],
        ),
    ],
)
@pytest.mark.filterwarnings("ignore::pandas.errors.ChainedAssignmentError")
def test_it_is_assigned_to_the_frame(variables, code, lasting, changed):
    assert with_lasting_changes(code, variables).code == lasting
    before = variables["df"]
    assert run(code, variables).equals(before)
    after = run(lasting, variables)
    assert [name for name in before if not after[name].equals(before[name])] == changed


@pytest.mark.parametrize(
    "code",
    [
        "df.fillna(0, inplace=True)",
        "df['a'].fillna(0)",
        "df['a'].fillna(0, inplace=False)",
        "df['a'].fillna(0, inplace=column)",
        # Of another length than the frame's column.
        "df['a'].dropna(inplace=True)",
        # Something else than a frame, or perhaps so.
        "parts['a'].fillna(0, inplace=True)",
        "unknown['a'].fillna(0, inplace=True)",
        "df = parts\ndf['a'].fillna(0, inplace=True)",
        "for df in parts:\n    df['a'].fillna(0, inplace=True)",
        "def f(df):\n    df['a'].fillna(0, inplace=True)",
        "for c in 'ab':\n    def f(df):\n        df['a'].fillna(0, inplace=True)",
        # By place, while `loc` goes by labels.
        "df['a'][0:2] = 0",
        # A place, which is no label, or would add a row.
        "df['a'][0] = 0",
        "df['a'][-1] = 0",
        "for i in range(3):\n    df['a'][i] = 0",
        "df['a'][lambda x: x > 1] = 0",
        # A mistyped column is not to be made.
        "df['A'].fillna(0, inplace=True)",
        "df['A'][mask] = 0",
        # A copy of a copy.
        "df[mask]['a'].fillna(0, inplace=True)",
        "df.head()['a'].fillna(0, inplace=True)",
        "df.T[0].fillna(0, inplace=True)",
        # What it holds may be of another type.
        "df.loc[:, 'a'].replace(1, 'x', inplace=True)",
        "columns = pd.Series(['a', 'b'])\ndf[columns]['a'] = 0",
        "levels['x']['a'] = 0",
        "made = df.copy()\nmade['a'][mask] = 0",
        "df['a'][  # where b is large\n    mask\n] = 0",
        "df['a'] = 0",
        "df['a'].fillna(",
    ],
)
def test_anything_else_stays(variables, code):
    assert with_lasting_changes(code, variables) is None


def test_where_pandas_changes_the_frame_itself_nothing_is_changed(variables, monkeypatch):
    monkeypatch.setattr(lasting_changes, "members", lambda _: {"__version__": "2.3.1"})
    assert with_lasting_changes("df['a'].fillna(0, inplace=True)", variables) is None


@needs_copies
def test_an_answer_is_offered_so_and_a_note_says_it(variables):
    offer = shape(["df['a'].fillna(0, inplace=True)", "df['b'][mask] = 0\ndf"], variables, [])
    assert offer.codes == ("df['a'] = df['a'].fillna(0)", "df.loc[mask, 'b'] = 0\ndf")
    said = "Assigned to {}: as it was written, pandas would change a copy only."
    assert offer.notes == (said.format("`df['a']`"), said.format("`df.loc[mask, 'b']`"))
