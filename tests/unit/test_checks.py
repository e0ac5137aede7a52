"""What is said of an answer's code before it runs, and what is not."""

from __future__ import annotations

import contextlib
import dis
import io
import sqlite3
import sys
import types
from pathlib import Path
from typing import get_args

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from codeface_jupyter.generation import FindingKind
from codeface_jupyter.trials.checks import NOT_THERE, check_code
from codeface_jupyter.trials.checks.all_checks import KINDS, findings_in
from codeface_jupyter.trials.checks.mending import MENDABLE
from codeface_jupyter.trials.checks.usual_imports import usual_import
from codeface_jupyter.trials.completing.fitting import MISFITS


def scale(values, factor=1):
    return [factor * value for value in values]


def users_function(frame):
    frame["made"] = 1


def load():
    global loaded  # noqa: PLW0603 - as users do
    loaded = 1


users_function.__module__ = load.__module__ = "__main__"


class Shop:
    def __init__(self):
        self.name = "corner"

    def sell(self, item, *, price=1):
        return item, price


class Keeper:
    def keep(self):
        """Change a frame that it keeps."""

    __call__ = keep


Keeper.__module__ = "__main__"


@pytest.fixture
def namespace():
    sales = pd.DataFrame(
        {
            "region": ["north", "south", "north"],
            "unit price": [1.0, 2.5, 4.0],
            "units": [3, 1, 2],
            "day": pd.date_range("2024-01-01", periods=3),
        }
    )
    replaced = Shop()
    replaced.sell = print
    return {
        "pd": pd,
        "np": np,
        "plt": plt,
        "sales": sales,
        "by_region": sales.set_index("region"),
        "wide": pd.concat({"a": sales[["units"]], "b": sales[["units"]]}, axis=1),
        "numbered": pd.DataFrame(np.zeros((2, 3))),
        "units": sales["units"],
        "config": {"alpha": 1, "nested": {"beta": 2}},
        "names": ["x", "y"],
        "scale": scale,
        "users_function": users_function,
        "load": load,
        "keeper": Keeper(),
        "Shop": Shop,
        "shop": Shop(),
        "listed": [sales],
        "kept": types.SimpleNamespace(frame=sales),
        "replaced": replaced,
    }


def found(code, namespace):
    """The findings, made without the guard, so that an error of a check shows."""
    findings = findings_in(code, namespace)
    assert check_code(code, namespace, timeout_s=30) == findings
    return findings


def mended(code, findings):
    for edit in sorted((e for f in findings for e in f.edits), key=lambda e: -e.start):
        code = code[: edit.start] + edit.replacement + code[edit.end :]
    return code


# Each with its kind, a piece of the message, and the code as it is mended, if it can be.
WRONG = [
    ("if units:\nprint(units)", "syntax", "expected an indented block", None),
    ("return units", "syntax", "outside function", None),
    ("x = 'a\0b'", "syntax", "not text", None),
    ("saless.head()", "unknown_name", "`saless` is not defined; there is `sales`", "sales.head()"),
    ("[unts for i in names]", "unknown_name", "there is `units`", "[units for i in names]"),
    ("def f(a):\n    return a + b", "unknown_name", "`b` is not defined", None),
    ("late_df = 1\nlate_dff", "unknown_name", "there is `late_df`", "late_df = 1\nlate_df"),
    ("zz = 1\ndel zz\nqq", "unknown_name", "`qq` is not defined", None),
    ("string + 'a'", "unknown_name", "`string` is not defined", None),
    ("math.pi", "unknown_name", "`import math` is missing", "import math\nmath.pi"),
    ("import not_there_at_all", "missing_module", "`not_there_at_all` is not installed.", None),
    ("from cv2x.sub import y", "missing_module", "`cv2x`", None),
    ("import json.nope", "missing_module", "no module `json.nope`", None),
    ("from json import dumbs", "missing_module", "no `dumbs`; it has `dumps`", None),
    ("np.arange_(3)", "unknown_attribute", "it has `arange`", "np.arange(3)"),
    ("pd.read_csvs('f')", "unknown_attribute", "`pd` has no attribute", None),
    ("import json\njson.loadz('1')", "unknown_attribute", "it has `load` and `loads`", None),
    ("sales.Region", "unknown_attribute", "it has `region`", "sales.region"),
    ("sales.heads()", "unknown_attribute", "it has `head`", "sales.head()"),
    ("sales['units'].means()", "unknown_attribute", "it has `mean`", "sales['units'].mean()"),
    ("units.foo", "unknown_attribute", "`units` has no attribute", None),
    ("sales.units.str.upper()", "unknown_attribute", "`.str` is for text", None),
    ("sales['region'].dt.year", "unknown_attribute", "`.dt` is for dates", None),
    ("sales.region.str.lowr()", "unknown_attribute", "`lower`", None),
    ("sales.merge(sales).heads(2)", "unknown_attribute", "it has `head`", None),
    ("sales.groupby('region').units.sums()", "unknown_attribute", "has no", None),
    ("names.push(1)", "unknown_attribute", "`names` has no attribute `push`", None),
    ("'a'.upperx()", "unknown_attribute", "`upper`", None),
    ("config.itemz()", "unknown_attribute", "it has `items`", "config.items()"),
    ("shop.sells(1)", "unknown_attribute", "it has `sell`", "shop.sell(1)"),
    ("Shop.open_all", "unknown_attribute", "`Shop` has no attribute", None),
    ("config['Alpha']", "unknown_key", "`config` has no key `Alpha`", "config['alpha']"),
    ("config['nested']['b']", "unknown_key", "its keys are `beta`", None),
    ("sales['Region']", "unknown_key", "`sales` has no column `Region`; it has `region`.",
     "sales['region']"),
    ('sales[["units", "Unit_Price"]]', "unknown_key", "it has `unit price`",
     'sales[["units", "unit price"]]'),
    ("sales['cost']", "unknown_key", "its columns are `region`, `unit price`, `units`, `day`.",
     None),
    ("names[0] = 1\nsales['cost']", "unknown_key", "no column `cost`", None),
    ("np.ones(3)[0] = 1\nsales['cost']", "unknown_key", "no column `cost`", None),
    ("pd.options.mode.x = None\nsales['cost']", "unknown_key", "no column `cost`", None),
    ("plt.rcParams['x'] = 1\nsales['cost']", "unknown_key", "no column `cost`", None),
    ("config['nested']['c'] = 1\nsales['cost']", "unknown_key", "no column `cost`", None),
    ("loaded = None\nnp.ones(3)\nloaded.head()", "unknown_attribute", "`loaded` has no", None),
    ("numbered[7]", "unknown_key", "no column `7`", None),
    ("wide['c']", "unknown_key", "no column `c`", None),
    ("sales[sales['units'] > 1]['Units']", "unknown_key", "`sales` has no column `Units`", None),
    ("sales.head().copy()['Units']", "unknown_key", "`units`", None),
    ("sub = sales[['units']]\nsub['region']", "unknown_key", "`sub` has no column `region`", None),
    ("sales = sales.drop(columns=['units'])\nsales['units']", "unknown_key", "`units`", None),
    ("sales.rename(columns={'units': 'n'})['units']", "unknown_key", "no column `units`", None),
    ("sales.set_index('day')['day']", "unknown_key", "no column `day`", None),
    ("sales.loc[sales.units > 1, 'Day']", "unknown_key", "`day`", None),
    ("sales.loc[:, ['units', 'Day']]", "unknown_key", "`day`", None),
    ("sales.groupby('Region').size()", "unknown_key", "`region`", None),
    (
        "sales['units'].groupby('region').sum()",
        "unknown_key",
        "A series has no column `region` to be grouped by; pass `sales['region']`.",
        "sales['units'].groupby(sales['region']).sum()",
    ),
    ("sales.head().units.groupby(by='day')", "unknown_key", "`sales.head()['day']`", None),
    ("sales.groupby(by=['region', 'Day'])", "unknown_key", "`day`", None),
    ("sales.groupby('region')['Units'].sum()", "unknown_key", "`sales` has no column", None),
    ("sales.groupby('region').agg({'Units': 'sum'})", "unknown_key", "`units`", None),
    ("sales.groupby('region').agg(n=('Units', 'sum'))", "unknown_key", "`units`", None),
    ("sales.sort_values('Units')", "unknown_key", "`units`", "sales.sort_values('units')"),
    ("sales.sort_values(by=['Units'])", "unknown_key", "`units`", None),
    ("sales.drop('Units', axis=1)", "unknown_key", "`units`", None),
    ("sales.set_index('Day')", "unknown_key", "`day`", None),
    ("sales.merge(by_region.reset_index(), on='Region')", "unknown_key", "`region`", None),
    ("pd.merge(sales, numbered, left_on='Region', right_on=0)", "unknown_key", "`region`", None),
    ("sales.pivot_table(index='Region', values='units')", "unknown_key", "`region`", None),
    ("sales.drop_duplicates(subset=['Region'])", "unknown_key", "`region`", None),
    ("sales.dropna(subset=['Region'])", "unknown_key", "`region`", None),
    ("sales.fillna({'Region': 'x'})", "unknown_key", "`region`", None),
    ("sales.astype({'Units': float})", "unknown_key", "`units`", None),
    ("sales.nlargest(2, 'Units')", "unknown_key", "`units`", None),
    ("sales.query('Units > 1 and `unit price` < 3')", "unknown_key", "`units`",
     "sales.query('units > 1 and `unit price` < 3')"),
    ("sales.plot(x='Day', y='units')", "unknown_key", "`day`", None),
    ("sales.plot.scatter(x='Day', y='units')", "unknown_key", "`day`", None),
    ("sales.apply(lambda row: row['Units'] * 2, axis=1)", "unknown_key", "`units`", None),
    ("sales.assign(n=lambda d: d['Units'])", "unknown_key", "`units`", None),
    ("sales.assign(**{'a b': 1}, n=lambda d: d['Units'])", "unknown_key", "`units`", None),
    ("def total():\n    return sales['Units'].sum()", "unknown_key", "`units`", None),
    ("f\"{sales['Units'].sum()}\"", "unknown_key", "`units`", None),
    ("pd.DataFrame({'a': [1]})['b']", "unknown_key", "its columns are `a`", None),
    ("%time sales['Units']", "unknown_key", "`units`", "%time sales['units']"),
    ("%%timeit x = sales['Units']\nx", "unknown_key", "`units`", "%%timeit x = sales['units']\nx"),
    ("%%time\nsales['Units']", "unknown_key", "`units`", "%%time\nsales['units']"),
    ("sales.day.dt.yeer", "unknown_attribute", "it has `year`", "sales.day.dt.year"),
    ("sales[sales.units.between(1, 2)]['Units']", "unknown_key", "`units`", None),
    ("sales.groupby('region').size().unstak()", "unknown_attribute", "it has `unstack`", None),
    ("sales.groupby('region').mean().heads()", "unknown_attribute", "it has `head`", None),
    ("sales.region.str.split(',').expldoe()", "unknown_attribute", "it has `explode`", None),
    ("sales.mean().sort_value()", "unknown_attribute", "it has `sort_values`", None),
    ("scale()", "bad_call", "`scale` needs the argument `values`", None),
    ("scale(1, 2, 3)", "bad_call", "takes at most 2 positional arguments", None),
    ("scale([1], factr=2)", "bad_call", "no parameter `factr`; it has `factor`", None),
    ("sales.sort_values('units', ascend=True)", "bad_call", "it has `ascending`", None),
    ("sales.groupby('region', sorted=True)", "bad_call", "no parameter `sorted`", None),
    ("sales.groupby('region', by='day')", "bad_call", "is given an argument twice", None),
    ("np.mean(units, axes=0)", "bad_call", "it has `axis`", None),
    ("shop.sell('a', cost=1)", "bad_call", "no parameter `cost`", None),
    ("Shop(1)", "bad_call", "takes at most 0 positional arguments", None),
    ("sales = []", "overwrites", "replaces your data frame `sales` by a list", None),
    ("import json as sales", "overwrites", "by a module", None),
    ("def units(): pass", "overwrites", "series `units` by a function", None),
    ("for scale in range(3): pass", "overwrites", "function `scale` by a number", None),
]  # fmt: skip


@pytest.mark.parametrize(("code", "kind", "words", "after"), WRONG, ids=[w[0] for w in WRONG])
def test_what_is_wrong_is_found(code, kind, words, after, namespace):
    findings = found(code, namespace)
    assert [finding.kind for finding in findings] == [kind]
    assert words in findings[0].message
    if after is not None:
        assert mended(code, findings) == after


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("late_share_df = late_share.head()", ""),
        ("late_share\nlate_share_df = 1", ""),
        ("late_share\nlate_share_df = 1\nlate_share", ""),
        ("for late_share_df in late_share: pass", ""),
        ("for late_share_df in [1]:\n    late_share", "; there is `late_share_df`"),
        ("late_share_df = 1\nlate_share", "; there is `late_share_df`"),
        # Once it is called, everything is there.
        ("def f(): return late_share\nlate_share_df = 1", "; there is `late_share_df`"),
    ],
)
def test_what_is_not_there_yet_is_not_suggested(code, hint, namespace):
    (finding,) = found(code, namespace)
    assert finding.message == f"`late_share` is not defined{hint}."
    assert bool(finding.edits) is bool(hint)


def test_names_in_annotations_count_where_python_computes_them_at_once(namespace):
    findings = found("def f(x: Sold) -> Bought: ...", namespace)
    kinds = [] if sys.version_info >= (3, 14) else ["unknown_name"] * 2
    assert [finding.kind for finding in findings] == kinds


@pytest.mark.skipif(sys.version_info < (3, 14), reason="Python 3.14 brings t-strings")
def test_names_in_t_strings_count(namespace):
    assert [finding.kind for finding in found("t'{saless}'", namespace)] == ["unknown_name"]


RIGHT = [
    "await units", "sales?", "?sales", "!ls -l", "files = !ls", "%matplotlib inline",
    "%load_ext autoreload\n%autoreload 2\nsales.head()", "%%bash\nnot python", "%%html\n<b>",
    "%%time\nx = 1\nx", "%time y = 3\ny", "  z = 1\n  z", ">>> sales", "x = 1\r\nx\r\n",
    "100 % 7", "x = (3\n % 2)", "%%capture out\n1\nout",
    "from numpy import *\nzeros(3)", "%run other.py\nsomething", "exec('q = 1')\nq",
    "lambda a, *b, c=1, **d: (a, b, c, d)", "[a for b in names for a in b if a]",
    "{k: v for k, v in config.items()}", "(n := 3) + n", "any((m := i) for i in names) and m",
    "try:\n    import nope_nope\nexcept ImportError:\n    nope_nope = None",
    "try:\n    sales['cost']\nexcept KeyError as error:\n    print(error)",
    "with open('f') as file:\n    file.read()", "import os.path\nos.path.join('a')",
    "match config:\n    case {'alpha': a, **rest}: print(a, rest)\n    case [x, *y]: print(x, y)",
    "class A:\n    b = 1\n    c = b\n    def d(self): return __class__\nA().d()",
    "def f():\n    global g\n    g = 1\nf()\ng", "def f(): return later\nlater = 1\nf()",
    "for i, (a, b) in enumerate([]): print(i, a, b)", "print(_, __, _3, In, Out, display, exit)",
    "def f(x: 'Later') -> None: ...", "get_ipython().run_line_magic('pip', 'x')\nwhatever",
    "import xml.etree.ElementTree as tree\ntree.parse", "from collections import abc",
    "import concurrent.futures", "import msvcrt, winreg",
    "%pip install nope_nope\nimport nope_nope",
    "np.linalg.norm(units)", "np.float64(3).item()", "plt.plot(units)", "plt.rcParams['x']",
    "sales['new'] = 1\nsales['new']", "sales.loc[:, 'new'] = 1\nsales.new",
    "sales.loc[sales.units > 1, 'new'] = 1\nsales['new']", "sales[['p', 'q']] = 1\nsales['q']",
    "sales.insert(0, 'new', 1)\nsales['new']", "sales.assign(a=1, b=lambda d: d['a'])['b']",
    "sales.assign(**{'a b': 1, 'c': 2}, share=lambda d: d['a b'] / d['c'])['a b']",
    "sales.assign(**config, share=lambda d: d['made'])['made']",
    "sales.assign(**{**config, 'c': 2}, share=lambda d: d['made'])",
    "if names:\n    sales['new'] = 1\nsales['new']", "sales.columns = list('abcd')\nsales['a']",
    "for c in names:\n    sales[c] = 1\nsales['x']",
    "for i in range(2):\n    if i:\n        print(sales['late'])\n    sales['late'] = i",
    "sales.rename(columns={'units': 'n'})['n']", "sales.drop('cost', axis=1, errors='ignore')",
    "sales.rename(columns={'units': 'n'}, inplace=True)\nsales['n']",
    "sales.drop(columns='units', inplace=True)\nsales['any']",
    "users_function(sales)\nsales['made']",
    "sales = users_function(sales)\nsales['made']", "sales = unknown = names\nsales['made']",
    "sales = sales.reset_index()\nsales['index']", "sales.groupby('region').sum()['a']",
    "def f(sales): return sales['made']", "lambda sales: sales['made']",
    "def f():\n    sales = names\n    return sales['made']", "[sales['made'] for sales in names]",
    "if 'made' in sales.columns:\n    sales['made']", "if hasattr(sales, 'made'): sales.made",
    "sales['cost'] if 'cost' in sales else 0", "by_region.loc['north', 'units']",
    "by_region.groupby('region').units.sum()", "by_region.sort_values('region')",
    "by_region.units.north", "by_region.query('region == \"north\"')", "wide['a']['units']",
    "wide[('a', 'units')]", "numbered[2]", "sales[sales.units > 1]", "sales[0:2]['units']",
    "sales[lambda d: d.units > 1]", "sales[['units']].units", "sales[sales.columns[0]]",
    "limit = 2\nsales.query('units > @limit and index > 0')", "sales.query('sin(units) > 0')",
    "sales.day.dt.year", "sales['units'] = sales['region']\nsales['units'].str.upper()",
    "sales.region.str.upper().str.lower()", "sales.units.apply(str).str.len()",
    "sales.groupby('region')['units'].agg(['mean', 'max'])", "sales.merge(sales, on='region')['x']",
    "sales.pivot_table(index='region', columns='day', values='units')", "sales.T['x']",
    "sales.groupby('region').apply(lambda g: g['units'].sum())", "sales.iloc[0]['units']",
    "sales.apply(lambda column: column.max())", "sales.describe().loc['mean', 'units']",
    "config['new'] = 1\nconfig['new']", "config.update(b=1)\nconfig['b']", "config.get('b')",
    "c = dict(config)\nc['x']", "shop.owner = 'me'\nshop.owner", "names.append('z')",
    "scale(*names)", "scale(**config)", "scale([1], 2)", "np.array([1]).reshape(-1, 1)",
    "pd.read_csv('f.csv', sep=';')['x']", "pd.read_csv('f.csv').groupby('a')['b'].mean()",
    "sales = sales.head()", "units = sales['units'] * 2", "i = 3", "import numpy as np",
    "sales = pd.DataFrame({'a': [1]})\nsales['a']", "sales.attrs['x']", "sales._private",
    "x = sales.copy()\nx['n'] = 1\nx['n']", "a = b = sales\na['n'] = 1\nb['n']",
    "sales.plot(kind='bar', x='day', y='units', color='red')", "sales.hist(column='units')",
    "sales.fillna({'units': 0})", "sales.agg(['mean'])", "sales['units'].agg({'total': 'sum'})",
    "sales.query('day > @x.y and units < inf')", "replaced.sell(1, 2, 3)",
    "getattr(sales, 'made')\nsales.made", "setattr(shop, 'zip', 1)\nshop.zip",
    "by_region['units'].groupby('region').sum()", "sales['units'].groupby(sales['region']).sum()",
    "sales.set_index('region')['units'].groupby('region').sum()", "sales['units'].groupby(level=0)",
    "sales.set_index('region', drop=False, inplace=True)\nsales['units'].groupby('region').sum()",
    "units.index.name = 'region'\nunits.groupby('region').sum()",
    "sales.index.name = 'region'\nsales['units'].groupby('region').sum()",
    "sales['units'].groupby(['region', 'units', 'day']).sum()", "units.groupby('made')",
    "del sales['units']", "sales.pop('units')", "sales.index.name = 'id'\nsales.groupby('id')",
    "with pd.option_context('display.max_rows', 5) as o:\n    sales['n'] = o\nsales['n']",
    "files = !ls\nfiles.grep('x')", "t = %timeit -o -q sum(names)\nt.best",
    "sales = %pwd\nsales.upper()", "%%capture out\nout.stdout", "np.arange(start=0, stop=3)",
    "@pd.api.extensions.register_dataframe_accessor('geo')\nclass G: ...\nsales.geo.center()",
    "if {'made', 'up'}.issubset(sales.columns):\n    sales['made']",
    "load()\nloaded", "loaded = None\nload()\nloaded.head()",
    "loaded = []\nsales.units.apply(load)\nloaded.head()",
    "data = None\ndef f():\n    global data\n    data = sales\nf()\ndata.head()",
    "data = None\nclass A:\n  def f(self):\n    global data\n    data = 1\nA().f()\ndata.head()",
    "def f():\n    global sales\n    sales = 1\nif names:\n    f()\nsales.bit_count()",
    "x = loaded if 'loaded' in dir() else 3",
    "list(map(users_function, [sales]))\nsales['made']",
    "for f in [sales, by_region]:\n    f['made'] = 1\nsales.made",
    "for f in (sales,): f.rename(columns=str.upper, inplace=True)\nsales['UNITS']",
    "setattr(sales, 'columns', list('abcd'))\nsales['a']",
    "sales.rename(columns={'cost': 'c'})", "for sales['made'] in [1]: pass\nsales['made']",
    "with open('f') as config['file']: pass\nconfig['file']",
    "from contextlib import suppress\nwith suppress(Exception):\n    sales['cost'], nope",
    "try:\n    nope()\nexcept NameError:\n    pass",
    "sales.groupby('region').agg('size').to_frame()", "sales.groupby('region').agg(names).tolist()",
    "%%timeit -n 3 -q x = sales.copy()\nx['units']", "%prun -s cumulative scale([1])",
    "%%prun -l 10 -q\nscale([1])",
    "keeper.keep()\nsales['made']", "keeper()\nsales['made']",
    "frames = [sales]\nfor i in range(1): frames[i]['made'] = frames[i]['units']\nsales['made']",
    "frames = {'a': sales}\nfor k in list(frames): frames[k]['made'] = 1\nsales['made']",
    "frames = (sales,)\nframes[0].columns = list('abcd')\nsales['a']",
    "frames = [sales]\nframes[0].loc[0, 'made'] = 1\nsales['made']",
    "kept.frame['made'] = 1\nsales['made']", "listed[0]['made'] = 1\nsales['made']",
]  # fmt: skip


@pytest.mark.parametrize("code", RIGHT)
def test_nothing_is_said_of_what_may_be_right(code, namespace):
    assert [f for f in found(code, namespace) if f.kind not in {"effect", "overwrites"}] == []


def test_an_assignment_that_keeps_the_kind_is_no_overwriting(namespace):
    assert found("sales = sales.head()\nnames = ['a']\nimport numpy as np", namespace) == ()


EFFECTS = [
    ("sales.to_csv('f.csv')", "writes files: `sales.to_csv`"),
    ("open('f', 'w')", "writes files: `open`"),
    ("open('f', mode='ab')", "writes files"),
    ("from pathlib import Path\nPath('f').write_text('a')", "writes files: `write_text`"),
    ("plt.savefig('f')", "writes files: `plt.savefig`"),
    ("np.save('f', units)", "writes files: `np.save`"),
    ("import pickle\npickle.dump(1, open('f'))", "writes files: `pickle.dump`"),
    ("import os\nos.remove('f')", "deletes files: `os.remove`"),
    ("from shutil import rmtree\nrmtree('f')", "deletes files: `shutil.rmtree`"),
    ("import socket\nsocket.create_connection(('a', 1))", "connects to the network"),
    ("pd.read_csv('https://example.org/f.csv')", "connects to the network"),
    ("import subprocess\nsubprocess.run(['a'])", "starts programs: `subprocess.run`"),
    ("import os\nos.system('a')", "starts programs: `os.system`"),
    ("!rm -r x", "starts programs: `!rm -r x`"),
    ("x = !ls", "starts programs: `!ls`"),
    ("%pip install x", "starts programs"),
    ("%%bash\nrm x", "starts programs"),
    ("%%writefile f.py\nx", "writes files"),
    ("%%file f.py\nx", "writes files: `%%file f.py`"),
    ("%save f 1-3", "writes files: `%save f 1-3`"),
    ("x = %sx ls", "starts programs: `%sx ls`"),
    ("%system ls", "starts programs: `%system ls`"),
    ("%%sx\nls", "starts programs: `%%sx`"),
    ("%%system\nls", "starts programs: `%%system`"),
    ("%mamba install x", "starts programs"),
    ("%uv pip install x", "starts programs"),
    ("import shutil\nshutil.copy2('f', 'g')", "writes files: `shutil.copy2`"),
    ("import shutil\nshutil.make_archive('f', 'zip')", "writes files: `shutil.make_archive`"),
    ("from pathlib import Path\nPath('f').mkdir()", "writes files: `mkdir`"),
    ("from pathlib import Path\nPath('f').touch()", "writes files: `touch`"),
    ("from pathlib import Path\nPath('f').rename('g')", "writes files: `rename`"),
    ("folder.joinpath('f').rename('g')", "writes files: `rename`"),
    ("for f in sorted((folder / 'a').glob('*')):\n    f.rename('g')", "writes files: `f.rename`"),
    ("[f.rename('g') for f in folder.iterdir()]", "writes files: `f.rename`"),
    ("import gzip\ngzip.open('f', 'wt')", "writes files: `gzip.open`"),
    ("import tarfile\ntarfile.open('f', mode='w:gz')", "writes files: `tarfile.open`"),
    ("import zipfile as z\nwith z.ZipFile('f', 'w') as f:\n    f", "writes files"),
    ("def f(frame):\n    frame.write_excel('f.xlsx')", "writes files: `frame.write_excel`"),
    ("def f(lazy):\n    lazy.sink_parquet('f')", "writes files: `lazy.sink_parquet`"),
    ("def f(shapes):\n    shapes.to_file('f')", "writes files: `shapes.to_file`"),
    ("def f(config):\n    config.get('https://example.org')", "to the network: `config.get`"),
]


@pytest.mark.parametrize(("code", "words"), EFFECTS)
def test_what_reaches_out_of_the_notebook_is_said(code, words, namespace):
    namespace["folder"] = Path()
    findings = found(code, namespace)
    assert [finding.kind for finding in findings] == ["effect"]
    assert words in findings[0].message


def test_it_is_said_below_a_long_chain_of_calls_too(namespace):
    chain = "".join(f".replace('a{n}', 'b')" for n in range(40))
    findings = found(f"import shutil\nx = 'a'{chain}\nshutil.rmtree(x)", namespace)
    assert [finding.kind for finding in findings] == ["effect"]


@pytest.mark.parametrize(
    "code",
    [
        *("open('f')", "open('w')", "sales.to_csv()", "pd.read_csv('f.csv')", "open('f', 'rb')"),
        *("sales.rename(columns={'units': 'n'})", "sales.units.rename('n')"),
        *("import gzip\ngzip.open('w')", "import tarfile\ntarfile.open('f', 'r:xz')"),
        "import io, zipfile\nzipfile.ZipFile(io.BytesIO(), 'w')",
        *("cfg = {}\ncfg.get('https://example.org')", "config.get('https://example.org')"),
    ],
)
def test_reading_and_text_have_no_effect(code, namespace):
    assert found(code, namespace) == ()


@pytest.mark.parametrize(
    "code",
    [
        "requests.groupby('region').size()",
        "requests.head()",
        "socket = sales\nsocket.sum()",
        "def busiest(requests):\n    return requests.max()",
        "for socket in names:\n    socket.upper()",
    ],
)
def test_data_that_is_called_like_a_module_does_not_connect(code, namespace):
    namespace["requests"] = namespace["sales"]
    assert found(code, namespace) == ()


@pytest.mark.parametrize(
    "code",
    [
        "requests.get('https://example.org')",
        "import requests as r\nr.get(names[0])",
        "def f(requests): ...\nimport requests\nrequests.get(names[0])",
        "import urllib.request\nurllib.request.urlopen(names[0])",
        "s = requests.Session()\ns.post(names[0])",
        "import requests as r\nr.Session().get(names[0])",
        "from httpx import Client\nwith Client() as client:\n    client.get(names[0])",
    ],
)
def test_modules_that_connect_are_told_from_data(code, namespace):
    namespace["requests"] = types.ModuleType("requests")
    findings = found(code, namespace)
    assert ["connects" in f.message for f in findings if f.kind == "effect"] == [True]


IN_MEMORY = [
    "import io\nbuf = io.BytesIO()\nplt.savefig(buf, format='png')",
    "from io import StringIO\nsales.to_csv(StringIO(), index=False)",
    "import sys\nsales.to_csv(sys.stdout)",
    "from sys import stdout\nimport json\njson.dump(config, stdout)",
    "import io\nwith io.StringIO() as file:\n    sales.to_csv(path_or_buf=file)",
    "import io\nsales.to_csv(buf := io.StringIO())",
    "import io\nbuf: io.BytesIO = io.BytesIO()\nnp.save(buf, units)",
    "import io, pickle\ndef f():\n    out = io.BytesIO()\n    pickle.dump(1, out)",
    "import io\nb = io.BytesIO()\nwith pd.ExcelWriter(b) as w:\n    sales.to_excel(w)",
    "import sqlite3\ncon = sqlite3.connect(':memory:')\nsales.to_sql('sales', con)",
    "sales.to_csv(text)",
    "sales.to_csv(None)",
    "sales.to_parquet()",
]


@pytest.mark.parametrize("code", IN_MEMORY)
def test_what_stays_in_memory_is_no_file(code, namespace):
    namespace["text"] = io.StringIO()
    assert found(code, namespace) == ()


@pytest.mark.parametrize(
    "code",
    [
        "text = 'f.csv'\nsales.to_csv(text)",
        "import io\nbuf = io.StringIO()\nbuf = 'f.csv'\nsales.to_csv(buf)",
        "with pd.ExcelWriter('f.xlsx') as w:\n    sales.to_excel(w)",
        "import sqlite3\ncon = sqlite3.connect('f.db')\nsales.to_sql('sales', con)",
        "sales.to_csv(path_or_buf='f.csv')",
        "sales.to_parquet(path='f')",
    ],
)
def test_what_may_be_a_file_is_one(code, namespace):
    namespace["text"] = io.StringIO()
    assert [finding.kind for finding in found(code, namespace)] == ["effect"]


@pytest.mark.parametrize(
    ("cells", "is_told"),
    [
        (["import sqlite3\nconn = sqlite3.connect(':memory:')", "conn.execute('x')"], False),
        (["conn = sqlite3.connect(':memory:')", "conn = sqlite3.connect('f.db')"], True),
        (["conn = sqlite3.connect('f.db')", "conn = sqlite3.connect(':memory:')", "co ="], False),
        (["conn = other"], True),
        ([], True),
        (None, True),
    ],
)
def test_a_database_that_a_cell_made_in_memory_is_known(cells, is_told, namespace):
    with contextlib.closing(sqlite3.connect(":memory:")) as conn:
        namespace |= {"conn": conn} | ({} if cells is None else {"In": ["", *cells]})
        messages = [finding.message for finding in found("sales.to_sql('s', conn)", namespace)]
    assert messages == (["This writes to a database: `sales.to_sql`."] if is_told else [])


def test_what_is_no_connection_any_more_may_be_anything(namespace):
    namespace |= {"conn": "sqlite:///f.db", "In": ["conn = sqlite3.connect(':memory:')"]}
    (finding,) = found("sales.to_sql('s', conn)", namespace)
    assert "writes to a database" in finding.message


@pytest.mark.parametrize(
    ("code", "is_told"),
    [
        ("pio.to_html(figure)", False),
        ("page = pio.to_json(figure, pretty=True)", False),
        ("import charts_of_test.io as c\nc.to_html(figure)", False),
        ("import charts_of_test\ncharts_of_test.io.to_html(figure)", False),
        ("figure.to_html('f.html')", True),
        ("pd.DataFrame.to_csv(sales, 'f.csv')", True),
        ("pd.concat([sales]).to_csv('f.csv')", True),
        ("from charts_of_test import frame\nframe.to_csv('f.csv')", True),
    ],
)
def test_what_a_modules_function_is_given_is_no_file(code, is_told, namespace, monkeypatch):
    pio, charts = types.ModuleType("charts_of_test.io"), types.ModuleType("charts_of_test")
    monkeypatch.setitem(sys.modules, "charts_of_test", charts)
    monkeypatch.setitem(sys.modules, "charts_of_test.io", pio)
    charts.io, charts.frame = pio, namespace["sales"]
    pio.to_html = pio.to_json = lambda figure, pretty=False: figure
    namespace |= {"pio": pio, "figure": Keeper()}
    kinds = [finding.kind for finding in found(code, namespace)]
    assert ("effect" in kinds) is is_told


def test_functions_of_libraries_bind_no_names_of_the_notebook(namespace, monkeypatch):
    looked_into = []
    instructions = dis.get_instructions
    monkeypatch.setattr(
        dis, "get_instructions", lambda code: looked_into.append(code) or instructions(code)
    )
    library = types.ModuleType("library_of_test")
    exec("def reset():\n    global seed\n    seed = 1\n", vars(library))
    # As after `from library_of_test import *`.
    namespace |= {"reset": library.reset, "copied": library.reset, "load": load}
    (finding,) = found("reset()\nseed", namespace)
    assert "`seed` is not defined" in finding.message
    assert found("load()\nloaded", namespace) == ()
    assert set(looked_into) == {load.__code__}


def test_one_cause_is_one_finding_that_mends_every_place(namespace):
    code = "a = sales['Region']\nb = sales['Region'] + sales[\"Region\"]"
    (finding,) = found(code, namespace)
    assert finding.line == 1
    assert len(finding.edits) == 3
    assert mended(code, [finding]) == "a = sales['region']\nb = sales['region'] + sales[\"region\"]"


def test_edits_count_characters_on_lines_of_any_kind(namespace):
    code = "é = '😀'; x = sales['Region']\r\nü = sales['Units']"
    assert mended(code, found(code, namespace)) == (
        "é = '😀'; x = sales['region']\r\nü = sales['units']"
    )


def test_a_label_that_the_quotes_cannot_hold_gets_others(namespace):
    namespace["sales"] = pd.DataFrame({"it's": [1]})
    code = "sales['its']"
    assert mended(code, found(code, namespace)) == 'sales["it\'s"]'


def test_several_close_names_are_named_and_none_is_chosen(namespace):
    namespace["sales"] = pd.DataFrame({"price_a": [1], "price_b": [1]})
    (finding,) = found("sales['price_c']", namespace)
    assert "it has `price_a` and `price_b`" in finding.message.replace("`price_b` and `price_a`",
        "`price_a` and `price_b`")  # fmt: skip
    assert finding.edits == ()


def test_an_installed_module_that_is_not_imported_is_imported_at_the_top():
    code = "# mean\nnp.mean([1])"
    findings = found(code, {})
    assert "`import numpy as np` is missing" in findings[0].message
    assert mended(code, findings) == "# mean\nimport numpy as np\nnp.mean([1])"


def test_at_most_eight_are_given_in_the_order_of_lines(namespace):
    code = "\n".join(f"sales['zzz{n}']" for n in range(20)) + "\nopen('f', 'w')"
    findings = found(code, namespace)
    assert [finding.line for finding in findings] == list(range(1, 9))


@pytest.mark.parametrize(("version", "count"), [("2.2.3", 0), ("3.0.0", 1), ("unknown", 0)])
def test_a_number_is_a_position_in_a_row_before_pandas_3(version, count, namespace, monkeypatch):
    monkeypatch.setattr(pd, "__version__", version)
    assert len(found("sales.apply(lambda r: r[1] * r[1], axis=1)", namespace)) == count
    assert len(found("sales.apply(lambda r: r['Units'], axis=1)", namespace)) == 1
    assert len(found("sales[1]", namespace)) == 1


def test_the_notebook_is_not_changed(namespace):
    before = namespace["sales"].copy()
    found("sales['new'] = 1\nconfig['new'] = 2\ndel names[0]\nsales['new']", namespace)
    pd.testing.assert_frame_equal(namespace["sales"], before)
    assert namespace["config"] == {"alpha": 1, "nested": {"beta": 2}}


def test_nothing_is_imported(namespace, tmp_path, monkeypatch):
    (tmp_path / "package_of_test").mkdir()
    (tmp_path / "package_of_test" / "__init__.py").write_text("raise SystemExit")
    (tmp_path / "package_of_test" / "inner.py").write_text("raise SystemExit")
    monkeypatch.syspath_prepend(tmp_path)
    code = "import package_of_test.inner\nfrom package_of_test import inner, nothing"
    assert found(code, namespace) == ()
    (finding,) = found("import package_of_test.outer", namespace)
    assert "no module `package_of_test.outer`" in finding.message
    assert "package_of_test" not in sys.modules


@pytest.mark.parametrize(
    "install",
    [
        "!{sys.executable} -m pip install nope_nope",
        "! pip install nope_nope",
        "!!pip3 install -q nope_nope",
        "!python3 -m pip install nope_nope",
        "!uv pip install nope_nope",
        "%mamba install nope_nope",
        "log = !pip install nope_nope",
        "import subprocess as s, sys\ns.check_call([sys.executable, '-m', 'pip', 'install', 'x'])",
        "from subprocess import run\ncommand = 'pip install nope_nope'\nrun(command.split())",
        "import os\nos.system('conda install -y nope_nope')",
        "def install(name):\n    import subprocess\n    subprocess.run(['pip', 'install', name])",
    ],
)
def test_what_the_code_installs_may_be_imported(install, namespace):
    kinds = {finding.kind for finding in found(f"{install}\nimport nope_nope", namespace)}
    assert kinds <= {"effect"}


@pytest.mark.parametrize(
    "code", ["!ls pipes\nimport nope_nope", "print('pip install')\nimport nope_nope"]
)
def test_other_commands_install_nothing(code, namespace):
    assert "missing_module" in {finding.kind for finding in found(code, namespace)}


PACKAGES = [
    ("import yaml", "`yaml`", "PyYAML"),
    ("import jwt", "`jwt`", "PyJWT"),
    ("from skopt.space import Real", "`skopt`", "scikit-optimize"),
    ("import xgboost as xgb", "`xgboost`", "xgboost"),
    ("import google.cloud.bigquery", "`google.cloud.bigquery`", "google-cloud-bigquery"),
    (
        "from google.cloud import bigquery, storage",
        "`google.cloud`",
        "google-cloud-bigquery google-cloud-storage",
    ),
    ("from mysql.connector import connect", "`mysql.connector`", "mysql-connector-python"),
    # A package of this name may be anybody's.
    ("import pandas_cleaner", "`pandas_cleaner`", ""),
    ("from google.clouds import anything", "`google`", ""),
]


@pytest.mark.parametrize(("code", "module", "package"), PACKAGES)
def test_only_a_package_that_is_known_is_named(code, module, package, monkeypatch, namespace):
    monkeypatch.setattr(sys, "meta_path", [])
    for name in ("yaml", "jwt", "skopt", "xgboost", "google"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    (finding,) = found(code, namespace)
    hint = f"; `%pip install {package}` would install it" if package else ""
    assert finding.message == f"The module {module} is not installed{hint}."


class Installer:
    """A finder as some packages put one there: it installs what is imported."""

    def __init__(self):
        self.asked = []

    def find_spec(self, name, path=None, target=None):
        self.asked.append(name)


def test_no_finder_is_told_what_a_model_makes_up(monkeypatch, namespace):
    installer = Installer()
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, installer])
    # It may be there for that finder, so that nothing is said of it.
    assert found("import pandsa_helper\nfrom numpy import made_up", namespace) == ()
    assert found("import made_up.part\nimport numpy.made_up", namespace) == ()
    assert installer.asked == []
    # Nor is what only that finder may find imported where an import is missing.
    monkeypatch.delitem(sys.modules, "xgboost", raising=False)
    assert usual_import("xgb", chains={("train",)}) is None
    assert usual_import("np", chains={("zeros",)}) == "import numpy as np"
    monkeypatch.setattr(sys, "meta_path", sys.meta_path[:-1])
    assert "pandsa_helper" in found("import pandsa_helper", namespace)[0].message


def test_finders_of_certain_modules_hide_nothing(monkeypatch, namespace):
    monkeypatch.setattr(Installer, "__module__", "transformers.utils.import_utils")
    installer = Installer()
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, installer])
    assert "pandsa_helper" in found("import pandsa_helper", namespace)[0].message
    assert installer.asked == []


def test_a_part_of_a_shared_module_has_a_package_of_its_own(monkeypatch, namespace):
    google = types.ModuleType("google")
    google.__path__ = []
    monkeypatch.setitem(sys.modules, "google", google)
    (finding,) = found("from google.cloud import storage", namespace)
    assert "%pip install google-cloud-storage" in finding.message
    (finding,) = found("import google.anything", namespace)
    assert finding.message == "There is no module `google.anything`."


@pytest.mark.parametrize(
    "code",
    [
        "IN_COLAB = bool(names)\nif IN_COLAB:\n    from google.colab import drive",
        "if names:\n    pass\nelif config:\n    import nope_nope\nelse:\n    import nope_two",
        "match names:\n    case []:\n        import nope_nope",
    ],
)
def test_an_import_under_a_condition_may_be_for_elsewhere(code, namespace):
    assert found(code, namespace) == ()


def test_an_import_below_a_condition_is_none_under_it(namespace):
    (finding,) = found("if names:\n    import nope_nope\nimport nope_two", namespace)
    assert "nope_two" in finding.message


def test_a_module_that_loads_its_parts_lazily_is_left_alone(namespace):
    lazy = types.ModuleType("lazy")
    lazy.__getattr__ = lambda name: name
    assert found("lazy.anything", {**namespace, "lazy": lazy}) == ()


@pytest.fixture
def accessors(tmp_path, monkeypatch):
    """Modules that would add to frames when they are imported, of which one has been."""
    (tmp_path / "charts_of_test").mkdir()
    for name in ("charts_of_test/__init__", "charts_of_test/pandas", "progress_of_test"):
        (tmp_path / f"{name}.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "charts_of_test", types.ModuleType("charts_of_test"))
    sys.modules["charts_of_test"].__path__ = [str(tmp_path / "charts_of_test")]


EXTENDING = [
    "import progress_of_test\nsales.hvplot.bar()",
    "import progress_of_test\nsales.groupby('region').swifter.apply(scale)",
    "def f():\n    import progress_of_test\nf()\nsales.units.progress_apply(scale)",
    "from progress_of_test import bar\nsales.region.str.clean()",
    "import charts_of_test.pandas\nsales.hvplot.bar()",
    "from charts_of_test import pandas\nsales.hvplot.bar()",
    "import progress_of_test\npd.DataFrame.hvplot.bar(sales)",
    "from tqdm.auto import tqdm\ntqdm.pandas()\nsales['y'] = sales['units'].progress_apply(scale)",
    "def f(): tqdm.pandas(desc='x')\nf()\nsales.progress_apply(scale, axis=1)",
    "tqdm_module.auto.tqdm().pandas()\nsales['units'].progress_apply(scale)",
    "import progress_of_test\nsales.ta.sma(append=True)\nsales['sma']",
]


@pytest.mark.parametrize("code", EXTENDING)
def test_what_a_library_adds_to_frames_is_no_unknown_attribute(code, namespace, accessors):
    tqdm_module = pytest.importorskip("tqdm.auto")
    namespace |= {"tqdm": tqdm_module.tqdm, "tqdm_module": sys.modules["tqdm"]}
    assert found(code, namespace) == ()


@pytest.mark.parametrize(
    "code",
    [
        "import json\njson.dumps(names)\nsales.heads()",
        "import charts_of_test\nsales.heads()",
        "from matplotlib import cbook, not_there_yet\nplt.show()\nsales.heads()",
        "import progress_of_test\nnames.push(1)",
        "import progress_of_test\nnp.arange_(3)",
        "import progress_of_test\nkeeper.keeps()",
        "bar = tqdm([])\nsales.heads()",
    ],
)
def test_other_attributes_stay_unknown(code, namespace, accessors):
    namespace["tqdm"] = pytest.importorskip("tqdm.auto").tqdm
    assert "unknown_attribute" in {finding.kind for finding in found(code, namespace)}


def test_an_accessor_that_a_library_added_may_make_columns(namespace, monkeypatch):
    accessor = pd.api.extensions.register_dataframe_accessor("ta")
    monkeypatch.setattr(pd.DataFrame, "_accessors", pd.DataFrame._accessors | {"ta"})
    monkeypatch.setattr(pd.DataFrame, "ta", None, raising=False)
    with pytest.warns(UserWarning, match="overriding"):
        accessor(Shop)
    assert found("sales.ta.sell('a', price=3)\nsales['made']", namespace) == ()
    assert len(found("sales.plot.bar()\nsales['made']", namespace)) == 1


def test_polars_columns():
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"region": ["a"], "units": [1]})
    namespace = {"pl": polars, "frame": frame}
    for code in (
        "frame['Units']",
        "frame.filter(pl.col('Units') > 1)",
        "frame.select('region', pl.col('Units').sum().alias('x'))",
        "frame.group_by('Region').agg(pl.col('units').sum())",
        "frame.sort('Units')",
    ):
        (finding,) = found(code, namespace)
        assert finding.kind == "unknown_key"
    for code in (
        "frame.with_columns(pl.col('units').alias('n'))['n']",
        "frame.select(pl.col('^u.*$'), pl.col('*'))",
        "frame.group_by('region').agg(pl.col('units').sum())",
        "frame.filter(pl.col('units') > 1)['region']",
    ):
        assert found(code, namespace) == ()


def test_every_kind_of_finding_is_weighed_and_judged():
    assert set(KINDS) == set(get_args(FindingKind))
    # A new one belongs into one of these, so that it counts where it should.
    assert set(KINDS) == NOT_THERE | {"syntax", "bad_call"} | {"effect", "overwrites"}
    assert set(KINDS) - {"effect", "overwrites"} == MISFITS
    assert NOT_THERE - {"missing_module"} == MENDABLE
