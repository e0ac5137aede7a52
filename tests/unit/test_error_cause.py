"""What caused an error that pandas words in its own ways."""

import pandas as pd
import pytest

from codeface_jupyter.context import ErrorInfo
from codeface_jupyter.magics.error_cause import explain_error

SALES = pd.DataFrame({"region": ["N"], "units": [1]})


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
