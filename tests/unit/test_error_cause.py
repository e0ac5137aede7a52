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
