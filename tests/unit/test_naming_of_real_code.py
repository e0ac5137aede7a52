"""Cells as people write them, cut everywhere: what really follows is never ruled out."""

import textwrap

import pandas as pd
import pytest

from codeface_jupyter.engines.text.vocabulary import NameContinuations
from codeface_jupyter.infilling import Gap
from codeface_jupyter.trials.completing import misfit, settled
from codeface_jupyter.trials.naming import KnownNames

CELL = """\
prices = sales.groupby(["region", "day"], as_index = False)["unit price"].mean()
top = sales.sort_values(
    'unit price',
    ascending=False,  # the dearest first
    na_position="first",
).head(n=3)
labels = {"net\\nprice": sales["net\\nprice"].sum(), 'region': sales.region.iloc[0]}
named = [describe(row, unit = "EUR", *more, **options) for row in [top]]
sales["total"] = sales["unit price"] * sales.units
late = sales.query('units > 1 and region == "N"').loc[:, ["region", "total"]]
print(sorted(labels, key=lambda name, width=3: name[:width], reverse=True), sep="")
shares = sales.assign(share=lambda rows: rows["total"] / rows.total.sum()).share
if describe(top, unit="USD", digits=len(labels) + 1, **{}):
    sales.groupby("region").agg({"units": "sum", "unit price": "mean"})
"""


def describe(row, *rest, unit="EUR", digits=2):
    """Describe something."""


def namespace():
    columns = {"region": ["N"], "day": [1], "unit price": [2.0], "units": [3], "net\nprice": [1.5]}
    names = {"sales": pd.DataFrame(columns), "pd": pd, "describe": describe}
    return {**names, "more": (), "options": {}}


FORMS = {
    "as it is": CELL,
    "in a function": f"def work():\n{textwrap.indent(CELL, '    ')}",
    "being tried": f"try:\n{textwrap.indent(CELL, '    ')}",
    "in a branch": f"for n in (1, 2):\n    if n:\n{textwrap.indent(CELL, ' ' * 8)}",
    "without spaces": CELL.replace(", ", ","),
    "with tabs": CELL.replace("    ", "\t"),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_next_sign_may_come_wherever_a_cell_is_cut(form):
    code, known = FORMS[form], KnownNames(namespace())
    kinds = {}
    for place in range(len(code)):
        name = known.at_end_of(code[:place])
        if name is None:
            continue
        kinds[name.closing] = kinds.get(name.closing, 0) + 1
        following = code[place].encode()
        assert NameContinuations(name).include(following), code[max(0, place - 60) : place + 20]

    # Labels in both quotes, attributes, and parameters.
    assert all(kinds[closing] > 5 for closing in ('"', "'", "", "="))


@pytest.mark.parametrize("form", FORMS)
def test_the_rest_of_each_line_is_shown_as_it_is(form):
    code, names = FORMS[form], namespace()
    start = 0
    for line in code.splitlines():
        indent = len(line) - len(line.lstrip())
        middle = indent + (len(line) - indent) // 2
        for place in (start + indent, start + middle):
            gap = Gap(prefix=code[:place], suffix="")
            rest = code[place : start + len(line)]
            assert settled(rest, gap) == rest
            if not rest.lstrip().startswith(("def ", "try:")):
                assert misfit(rest, gap, names) in ("", "nothing"), line
        start += len(line) + 1
