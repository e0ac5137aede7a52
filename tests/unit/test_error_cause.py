"""What caused an error that pandas words in its own ways."""

import linecache

import pandas as pd
import pytest

from codeface_jupyter.context import ErrorInfo
from codeface_jupyter.magics.error_cause import explain_error

SALES = pd.DataFrame({"region": ["N"], "units": [1]})


@pytest.fixture
def failure_of_a_magic():
    line = "get_ipython().run_line_magic('run', 'no_file.py')"
    linecache.cache["<cell>"] = (len(line), None, [line], "<cell>")

    class Shell:
        def run_line_magic(self, name, words):
            raise ValueError(name)

    try:
        exec(compile(line, "<cell>", "exec"), {"get_ipython": Shell})
    except ValueError as error:
        # What IPython does is not the user's.
        error.__traceback__.tb_next.tb_next = None
        yield ErrorInfo.from_exception(error, source="%run no_file.py")
    finally:
        linecache.cache.pop("<cell>")


@pytest.mark.parametrize(
    "fail",
    [
        lambda: SALES["unit"],
        lambda: SALES[["unit"]],
        lambda: SALES[["unit", "region"]],
        lambda: SALES.loc[:, ["unit"]],
        lambda: SALES.drop(columns=["unit"]),
        lambda: SALES.groupby("region")["unit"],
        lambda: SALES.groupby("region").agg({"unit": "sum"}),
        lambda: SALES.groupby("region").agg(total=("unit", "sum")),
        lambda: SALES.set_index("unit"),
        lambda: SALES.dropna(subset=["unit"]),
        lambda: SALES.astype({"unit": float}),
        lambda: SALES.sort_values("unit"),
    ],
)
def test_the_missing_column_is_named_with_the_one_that_exists(fail):
    with pytest.raises(KeyError) as caught:
        fail()
    error = ErrorInfo(
        ename="KeyError", evalue=str(caught.value), traceback="", names={"sales": SALES}
    )

    assert explain_error(error, {}) == "KeyError: `sales` has no column `'unit'`; it has `units`."


@pytest.mark.parametrize(
    ("name", "message", "said"),
    [
        ("NameError", "name 'pritn' is not defined", "is called `pritn` here; there is `print`."),
        ("NameError", "name 'prices' is not defined", "is called `prices` here; there is `price`."),
        ("NameError", "name 'zzyzx' is not defined", "nothing is called `zzyzx` here."),
        ("NameError", "name 'nope' is not defined", "nothing is called `nope` here."),
        ("ModuleNotFoundError", "No module named 'pandas.foo'", "there is no module `pandas.foo`."),
        (
            "ModuleNotFoundError",
            "No module named 'no_such_thing.foo'",
            "`no_such_thing.foo` is not installed in the environment of this kernel.",
        ),
    ],
)
def test_what_is_not_there_is_named_with_what_python_itself_has(name, message, said):
    error = ErrorInfo(ename=name, evalue=message, traceback="")
    assert explain_error(error, {"price": 1}).endswith(said)


def test_columns_of_the_same_name_are_named_once():
    twice = pd.DataFrame([[1, 2, 3]], columns=["a", "a", "b"])
    for key, said in [("A", "it has `a`"), ("zzz", "its columns are `a`, `b`")]:
        error = ErrorInfo(ename="KeyError", evalue=repr(key), names={"df": twice})
        assert explain_error(error, {}) == f"KeyError: `df` has no column `{key!r}`; {said}."


def test_what_has_the_attribute_is_not_said_to_lack_it():
    twice = pd.DataFrame([[1, 2, 3]], columns=["a", "a", "b"])
    message = "'DataFrame' object has no attribute 'b'"
    error = ErrorInfo(ename="AttributeError", evalue=message, names={"df": twice})
    assert explain_error(error, {}) == f"AttributeError: `{message}`."


def test_a_magic_is_told_as_it_was_typed(failure_of_a_magic):
    said = explain_error(failure_of_a_magic, {})
    assert said.startswith("ValueError in line 1, `%run no_file.py`: ")


@pytest.mark.parametrize(
    ("line", "message", "said"),
    [
        (
            "assert total == wanted",
            "",
            "this does not hold; now `total` is `41`, `wanted` is `42`.",
        ),
        ("assert total == wanted, 'off'", "off", "`off`; now `total` is `41`, `wanted` is `42`."),
        ("assert all(total > 0 for total in rows)", "", ""),
        ("assert total == api_key", "", "this does not hold; now `total` is `41`."),
        ("assert rows, 'none'", "none", "`none`."),
    ],
)
def test_a_failed_assertion_is_told_with_the_values_of_its_variables(line, message, said):
    values = {"total": 41, "wanted": 42, "rows": [0], "api_key": 3}
    names = {name: value for name, value in values.items() if name in line}
    error = ErrorInfo(
        ename="AssertionError", evalue=message, traceback="", line=line, names=names, source=line
    )
    assert explain_error(error, values) == (
        f"AssertionError: {said}" if said else "AssertionError."
    )
