"""The shape of an answer's code: certain cases are changed, everything else stays as it is."""

import ast
import collections
import sys
import types

import numpy as np
import pandas as pd
import pytest

from codeface_jupyter.context import Cell
from codeface_jupyter.trials.copies import repetition
from codeface_jupyter.trials.shape import (
    shape,
    with_results,
    without_known_imports,
    without_last_print,
)
from codeface_jupyter.trials.value_kinds import TABLE_KINDS, ValueKinds

PRINT = "Left out `print`, so that the notebook shows the value itself."


@pytest.fixture
def namespace():
    sales = pd.DataFrame({"region": ["north", "south", "north"], "units": [3, 1, 2], "size": 1})
    return {
        "pd": pd,
        "np": np,
        "sales": sales,
        "units": sales["units"],
        "grid": np.arange(6).reshape(2, 3),
        "column": "units",
        "columns": ["region", "units"],
        "names": ["a", "b"],
        "total": 6,
        "defaultdict": collections.defaultdict,
        "Counter": dict,
        "collections": collections,
    }


TABLES = [
    "sales",
    "units",
    "grid",
    "sales.head()",
    "sales['units']",
    "sales.units",
    "sales[column]",
    "sales[columns]",
    "sales[['region', 'units']]",
    "sales[sales['units'] > 1]",
    "sales[(sales.units > 1) & ~(sales['region'] == 'south')]",
    "sales[sales['region'].isin(names)].sort_values('units')",
    "sales[:2]",
    "sales.loc[sales['units'] > 1, 'region']",
    "sales.loc[sales['units'] > 1, ['region', 'units']]",
    "sales.iloc[:2]",
    "sales.describe().T",
    "sales.dtypes",
    "sales.isnull().sum()",
    "sales.groupby('region')['units'].sum()",
    "sales.groupby('region')[['units']].mean()",
    "sales.groupby('region').agg({'units': 'sum'}).reset_index()",
    "sales.groupby('region').size().sort_values(ascending=False).head(1)",
    "sales['region'].value_counts()",
    "sales['region'].str.upper()",
    "sales['region'].unique()",
    "sales['units'] * 2",
    "sales['units'].apply(lambda n: n + 1)",
    "sales['units'].rolling(2).mean()",
    "sales.groupby(['region', 'units']).size().unstack(fill_value=0).transpose()",
    "sales['region'].value_counts().rename('n').rename_axis('where').loc[['north']]",
    "sales.groupby('region')['units'].sum().iloc[:-1]",
    "pd.DataFrame({'a': [1]})",
    "pd.concat([sales, sales])",
    "pd.crosstab(sales['region'], sales['units'])",
    "np.zeros(3)",
    "grid.T",
    "grid[:1]",
]


@pytest.mark.parametrize("expression", TABLES)
def test_a_printed_table_is_offered_as_its_value(expression, namespace):
    shaped = without_last_print(f"x = 1\nprint({expression})  # shown", namespace)
    assert shaped is not None
    assert shaped.code == f"x = 1\n{expression}  # shown"
    assert shaped.note == PRINT
    # What is said to be a table is one.
    value = eval(expression, dict(namespace))
    array = np.ndarray | pd.api.extensions.ExtensionArray
    assert isinstance(value, pd.DataFrame | pd.Series | array)


@pytest.mark.parametrize(
    "code",
    [
        "print()",
        "print('done')",
        "print(f'{sales}')",
        "print(sales, units)",
        "print(sales, end='')",
        "print(*sales)",
        "print(total)",
        "print(names)",
        "print(unknown)",
        "print(sales['units'].sum())",
        "print(sales['units'].mean())",
        "print(sales.sum(axis=None))",
        "print(sales.to_string())",
        "print(sales.shape)",
        "print(sales.size)",
        "print(sales.drop(columns='size', inplace=True))",
        "print(sales.rename(**options))",
        "print(sales.loc[0])",
        "print(sales.iloc[0, 0])",
        "print(sales.columns)",
        "print('%s' % units)",
        "print(sales is units)",
        "print(grid[0])",
        "print(units.iloc[0])",
        "print(units.loc[total])",
        "print(len(sales))",
        "print(sales);",
        "print(sales); x = 1",
        "print(sales)\nx = 1",
        "if total:\n    print(sales)",
        "def print(x): pass\nprint(sales)",
        "from os import *\nprint(sales)",
        "sales = 3\nprint(sales)",
        "for sales in names:\n    pass\nprint(sales)",
        "if total:\n    units = 1\nprint(units)",
        "units, x = 1, 2\nprint(units)",
        "pd = {}\nprint(pd.DataFrame())",
        "print(sales",
        "%matplotlib inline\nprint(sales)",
    ],
)
def test_nothing_else_that_is_printed_is_changed(code, namespace):
    assert without_last_print(code, namespace) is None


def test_a_table_that_the_answer_makes_itself_is_known(namespace):
    code = (
        "import pandas as panda\n"
        "top = sales.groupby('region')['units'].sum()\n"
        "top = top.sort_values(ascending=False)\n"
        "sales['double'] = sales['units'] * 2\n"
        "print('The largest first:')\n"
        "print(top)"
    )
    shaped = without_last_print(code, namespace)
    assert shaped.code == code.replace("print(top)", "top")
    made = without_last_print("import pandas as p\nf = p.DataFrame()\nprint(f)", {})
    assert made.code.endswith("\nf")


def test_lines_and_comments_around_a_printed_table_stay(namespace):
    code = (
        "# über alles\nprint(\n    sales.groupby('region')\n    .sum()  # all\n)  # end\n\n# last\n"
    )
    shaped = without_last_print(code, namespace)
    assert shaped.code == code.replace("print(", "(")
    inner = without_last_print("print( ( sales ) )", namespace)
    assert inner.code == "sales"


def test_printing_with_another_print_is_left_alone(namespace):
    assert without_last_print("print(sales)", namespace | {"print": repr}) is None


def test_an_object_that_only_claims_to_be_a_frame_is_none():
    class Liar:
        __class__ = pd.DataFrame

        def __getattr__(self, name):
            raise AssertionError("touched")

    assert ValueKinds({"liar": Liar()}).of(_expression("liar.head()")) is None
    assert ValueKinds({"sales": pd.DataFrame()}).of(_expression("sales")) in TABLE_KINDS


def _expression(text):
    return ast.parse(text, mode="eval").body


def test_imports_that_the_notebook_has_are_left_out(namespace):
    code = (
        "# What is needed\n"
        "import pandas as pd\n"
        "import numpy as np, collections\n"
        "from collections import defaultdict\n"
        "import json\n"
        "\n"
        "counts = defaultdict(int)  # ok\n"
    )
    shaped = without_known_imports(code, namespace)
    assert shaped.code == ("# What is needed\nimport json\n\ncounts = defaultdict(int)  # ok\n")
    assert shaped.note == "Left out 3 imports that the notebook has already."


def test_code_begins_with_its_first_line_once_its_imports_are_gone(namespace):
    code = "import pandas as pd\nfrom collections import (\n    defaultdict,\n)\n\nsales.head()"
    shaped = without_known_imports(code, namespace)
    assert shaped.code == "sales.head()"
    assert shaped.note == (
        "Left out `import pandas as pd` and `from collections import defaultdict`, "
        "which the notebook has already."
    )


@pytest.mark.parametrize(
    "code",
    [
        "import pandas as pd",
        "# only this\nimport pandas as pd\n",
        "import pandas\nx = 1",
        "import numpy as pd\nx = 1",
        "from collections import Counter\nx = 1",
        "from collections import *\nx = 1",
        "from collections import nothing\nx = 1",
        "from . import pd\nx = 1",
        "from __future__ import annotations\nx = 1",
        "import pandas as pd  # the tables\nx = 1",
        "import pandas as pd; import numpy as np\nx = 1",
        "import pandas as pd, json\nx = 1",
        "pd = None\nimport pandas as pd\nx = 1",
        "import numpy as pd\nimport pandas as pd\nx = 1",
        "from os import *\nimport pandas as pd\nx = 1",
        "import pandas as pd\ndel pd",
        "if x:\n    import pandas as pd\nx = 1",
        "import pandas as pd\nx = ",
    ],
)
def test_every_other_import_stays(code, namespace):
    assert without_known_imports(code, namespace) is None


def test_an_import_is_compared_without_running_the_module_s_code(monkeypatch):
    module = types.ModuleType("lazy_module")
    module.__getattr__ = lambda name: pytest.fail(f"asked for {name}")
    monkeypatch.setitem(sys.modules, "lazy_module", module)
    code = "from lazy_module import part\npart()"
    assert without_known_imports(code, {"part": object()}) is None


def test_an_answer_that_repeats_a_cell_is_told_so():
    cells = [
        Cell(source="a = 1\nb = 2", execution_count=3),
        Cell(source="# Title", cell_type="markdown"),
        Cell(source="show(a)\n", execution_count=4),
    ]
    assert repetition("a=1\n\nb = 2  # same", cells) == "This only repeats cell [3]."
    assert repetition("show( a )", cells) == "This only repeats cell [4]."
    assert repetition("b = 2\nshow(a)", cells) == "This only repeats lines of cells above."
    assert repetition("a = 1", cells) == ""
    assert repetition("a = 1\nc = 3", cells) == ""
    assert repetition("", cells) == ""
    assert repetition("a = ", [Cell(source="a = ")]) == ""


@pytest.mark.parametrize(
    ("code", "live", "is_told"),
    [
        ("words = 5", {"words": 5}, True),
        ("words = 5", {"words": 6}, False),
        ("words = 5", {}, False),
        ("words = None", {}, False),
        ("words = 7", {"words": 7}, False),
        ("words = 5\nwords", {"words": 5}, False),
    ],
)
def test_a_value_that_a_variable_holds_already_is_said_to_repeat_a_line(code, live, is_told):
    cells = [
        Cell(source="import os\nwords = 5\nwords = None", execution_count=1),
        Cell(source="x = 1", execution_count=2),
    ]
    notes = shape([code], live, cells).notes
    assert ("This only repeats a line of cell [1]." in notes) is is_told
    assert repetition("c = 1", [Cell(source="c = 1")]) == "This only repeats a cell above."


F = "def f(x):\n    return x"
G = "class G:\n    a = 1"


@pytest.mark.parametrize(
    ("code", "sources", "note"),
    [
        (F, [F, "f(1)"], "This only repeats a definition in cell [1]."),
        (f"# As before\n{F}", [F, *["a"] * 20], "This only repeats a definition in cell [1]."),
        (G, ["a", f"{F}\n\n{G}", "a"], "This only repeats a definition in cell [2]."),
        (F, ["a", F], "This only repeats cell [2]."),
        # It is another one by now, or was.
        (F, [F, "def f(x):\n    return 2 * x", "a"], ""),
        (F, [F, "f = None", "a"], ""),
        (F, [f"{F}\ndel f", "a"], ""),
        (F, [F.replace("x", "y"), "a"], ""),
        (F, [F.replace("f", "g"), "f(1)"], ""),
        (F, [f"if 1:\n    {F.replace(chr(10), chr(10) + '    ')}", "a"], ""),
        (f"{F}\nf(1)", [F, "a"], ""),
        (F, [F, "%matplotlib inline\ndef f(x):\n    return 2 * x", "a"], ""),
        (F, [F, "%%time\ndef f(x):\n    return 2 * x", "a"], ""),
        (F, [F, "from lib import *", "a"], ""),
        (F, [F, "%run lib.py", "a"], ""),
        (F, [F, "f = (", "a"], ""),
        # Anything else may well be asked for again.
        ("f(1)", ["f(1)", "a"], ""),
    ],
)
def test_a_definition_counts_wherever_it_stands(code, sources, note):
    cells = [Cell(source=one, execution_count=n) for n, one in enumerate(sources, start=1)]
    assert repetition(code, cells) == note
    assert bool(repetition(code, cells, whole_cells_only=True)) is ("repeats cell" in note)


def test_a_definition_that_has_not_been_run_may_be_given_again():
    cells = [Cell(source=F, was_run=False), Cell(source="a")]
    assert repetition(F, cells) == ""


READ = "df = pd.read_csv('sales.csv')\ndf.head()"
ROLL = "rolls = [random.randint(1, 6) for _ in range(10)]\nrolls"
BARS = "fig, ax = plt.subplots()\nax.bar(names, units)"


@pytest.mark.parametrize(
    ("code", "sources"),
    [
        # It draws once more.
        (ROLL, ["import random", ROLL]),
        ("df.sample(5)", ["df.sample(5)"]),
        ("sample = df.sample(5)\nsample.mean()", ["sample = df.sample(5)", "sample.mean()"]),
        # It reads once more what has been worked on, or something else by now.
        (READ, [READ, "df = df.dropna()"]),
        (READ, [READ, "df.dropna(inplace=True)", "df.info()"]),
        (READ, [READ.partition("\n")[0], "df = df.dropna()", "df.head()"]),
        ("mean = df.price.mean()\nmean", ["mean = df.price.mean()\nmean", "df = df.dropna()"]),
        ("a = len(rows)\nprint(a)", ["a = len(rows)\nprint(a)", "rows.append(1)"]),
        ("a = f(2)\nprint(a)", ["a = f(2)\nprint(a)", "def f(x):\n    return 3"]),
    ],
)
def test_what_may_give_something_else_by_now_repeats_nothing(code, sources):
    cells = [Cell(source=one, execution_count=n) for n, one in enumerate(sources, start=1)]
    assert repetition(code, cells) == ""


@pytest.mark.parametrize(
    ("code", "sources"),
    [
        (READ, [READ, "import pandas as pd\ndf['double'] = 2 * df['units']", "df.describe()"]),
        (READ, ["df = df.dropna()", READ]),
        # The same names for something else.
        (BARS, [BARS, "fig, ax = plt.subplots()\nax.plot(names, units)"]),
        ("for i in range(3):\n    f(i)\ni", ["for i in range(3):\n    f(i)\ni", "i = 1"]),
        # The code does all of it again.
        ("n = 0\nn += 1\nn", ["n = 0", "n += 1", "n"]),
        ("np.random.seed(1)\nnp.random.rand()", ["np.random.seed(1)\nnp.random.rand()"]),
        ("df.sample(5, random_state=1)", ["df.sample(5, random_state=1)"]),
        ("x = default_rng(0).normal()\nx", ["x = default_rng(0).normal()\nx"]),
        ("def roll():\n    return randint(1, 6)", ["def roll():\n    return randint(1, 6)"]),
    ],
)
def test_what_gives_the_same_again_is_a_repetition(code, sources):
    cells = [Cell(source=one, execution_count=n) for n, one in enumerate(sources, start=1)]
    assert repetition(code, cells).startswith("This only repeats")


def test_a_repair_that_is_another_cell_is_none_whatever_that_draws():
    cells = [Cell(source=ROLL, execution_count=2)]
    assert repetition(ROLL, cells, whole_cells_only=True) == "This only repeats cell [2]."


def test_all_rules_together_and_each_is_told(namespace):
    code = "import pandas as pd\n\ntop = sales.nlargest(1, 'units')\nprint(top)"
    offer = shape([code], namespace, [])
    assert offer.codes == ("top = sales.nlargest(1, 'units')\ntop",)
    assert offer.notes == (
        PRINT,
        "Left out `import pandas as pd`, which the notebook has already.",
    )


def test_only_the_last_block_s_print_goes_and_what_a_block_binds_is_its_own(namespace):
    first = "from numpy import array as defaultdict\nprint(sales)"
    second = "from collections import defaultdict\nprint(sales)"
    offer = shape([first, second], namespace, [])
    assert offer.codes == (first, "from collections import defaultdict\nsales")


def test_an_answer_that_repeats_or_does_not_parse_stays_as_it_is(namespace):
    cells = [Cell(source="print(sales)", execution_count=2)]
    repeated = shape(["print(sales)"], namespace, cells)
    assert repeated.codes == ("print(sales)",)
    assert repeated.notes == ("This only repeats cell [2].",)
    broken = shape(["print(sales)", "x ="], namespace, [])
    assert broken.codes == ("print(sales)", "x =")
    assert broken.notes == ()
    assert shape([], namespace, []).codes == ()


class TestWithResults:
    @pytest.mark.parametrize(
        ("code", "line"),
        [
            ("top = sales.nlargest(3, 'price')", "top"),
            ("rows = sales[sales.price > 1]\nnames = rows.region.tolist()", "names"),
            ("best = max(prices)\nworst = min(prices)", "best, worst"),
            ("for p in prices:\n    total = p\nmean = total / 2  # half", "mean"),
            ("total: float = sum(prices)", "total"),
            ("found = {}\nfor p in prices:\n    found.setdefault(p, []).append(p)", "found"),
            ("found = []\nfor p in prices:\n    if p:\n        found.append(p)", "found"),
            ("most = 0\nfor p in prices:\n    most = max(most, p)", "most"),
            ("top = sales.copy()\ntop['x'] = 1", "top"),
            ("total = 0\nfor p in prices:\n    total += p", "total"),
            ("n = Counter()\nfor p in prices:\n    n[p] += 1", "n"),
            ("home = os.environ['HOME']\nshell = os.environ.get('SHELL')", "home, shell"),
            ("r = {}\nfor p in prices:\n    r[p] = make(p).fit(p).score(p)", "r"),
        ],
    )
    def test_what_is_computed_last_and_never_read_is_shown(self, code: str, line: str) -> None:
        shaped = with_results(code, {"sales": object(), "prices": [1]})
        assert shaped is not None
        assert shaped.code == f"{code}\n{line}"
        assert shaped.note.startswith("Added a line that shows `")

    @pytest.mark.parametrize(
        ("code", "line"),
        [
            ("top = sales.head()\ntop.sort_values('price', inplace=True)", "top"),
            ("change = sales['price'].diff() * 100\nchange = change.round(1)", "change"),
            # What may be something else than a table, such as a figure or all that is set.
            ("ax = sales.plot()\nax = ax.set_title('x')", None),
            ("env = dict(os.environ)\nenv = {k: v for k, v in env.items()}", None),
            ("env = pd.Series(os.environ)\nenv = env.sort_index()", None),
            ("model = make()\nmodel = model.to('cuda')", None),
            ("half = sum(prices) / 2\nhalf = round(half)", None),
            ("y = make()\nF.relu(y, inplace=True)", None),
        ],
    )
    def test_a_table_that_is_made_anew_from_itself_is_shown(
        self, code: str, line: str | None
    ) -> None:
        frame = pd.DataFrame({"price": [1, 3]})
        shaped = with_results(code, {"sales": frame, "prices": [1], "pd": pd})
        assert (shaped and shaped.code) == (line and f"{code}\n{line}")

    @pytest.mark.parametrize(
        "code",
        [
            "top = sales.head()\ntop",
            "top = sales.head()\nprint(top)",
            "sales['x'] = 1",
            "sales.dropna(inplace=True)",
            "sales = sales.dropna()",
            "top = sales.head()\nsales['y'] = top",
            "for p in prices:\n    print(p)\nlast = p",
            "found = []\nfor p in prices:\n    found.append(p)\n    print(p)",
            "a = b = 0\nfor p in prices:\n    a += p\n    b -= p",
            "low = 0\nhigh = 0\nfor p in prices:\n    low += p\n    high -= p",
            "for p in prices:\n    sales[p] = 1",
            "model = make()\nfor p in prices:\n    model.fit(p)",
            "models = {}\nfor p in prices:\n    models[p] = make(p).fit(p)",
            "models = []\nfor p in prices:\n    models.append(make(p).fit(p))",
            "bar = tqdm(total=3)\nfor p in prices:\n    bar.update(1)",
            "lines = []\nfor p in prices:\n    lines.append(plt.plot(p))",
            "lines = {}\nfor p in prices:\n    lines[p] = ax[0].plot(p)",
            "seen = []\nfor p in prices:\n    seen.append(display(p))",
            "i = 0\nwhile i < 3:\n    i += 1",
            "sheet = book.active\nfor p in prices:\n    sheet.append(p)",
            "a = 1\nb = 2\nc = 3\nd = 4",
            "_hidden = 1",
            "def f():\n    return 1",
            "a, b = 1, 2",
            "top = sales.head();",
            "top = (",
            "",
        ],
    )
    def test_code_that_shows_something_or_changes_what_was_there_stays(self, code: str) -> None:
        assert with_results(code, {"sales": object(), "prices": [1]}) is None

    @pytest.mark.parametrize(
        "code",
        [
            "import os\napi_key = os.environ['OPENAI_API_KEY']",
            "import os\nkey = os.environ['OPENAI_API_KEY']",
            "from getpass import getpass\nanswer = getpass()",
            "import os\nenv = dict(os.environ)",
            "from os import environ\nrows = sorted(environ.items())",
            "import os\nheaders = {}\nheaders['Authorization'] = os.environ['API_KEY']",
            "keys = []\nfor name in names:\n    keys.append(os.environ[f'{name}_API_KEY'])",
            "settings = {}\nfor line in open('.env'):\n    settings[line[0]] = line",
            "settings = open('conf/.env').read()",
            "settings = dotenv_values()",
            "import dotenv\nsettings = dotenv.dotenv_values()",
            "login = json.load(open('credentials.json'))",
            "rows = []\nfor r in db.execute('select password from users'):\n    rows.append(r)",
            "headers = {}\nfor k in keys:\n    headers[k] = 'Bearer ' + load(k)",
            "import os\nheaders = {'Authorization': f\"Bearer {os.getenv('API_TOKEN')}\"}",
        ],
    )
    def test_a_secret_is_not_shown(self, code: str) -> None:
        assert with_results(code, {}) is None

    def test_what_is_made_beside_a_secret_is(self) -> None:
        code = "password = input()\nrows = len(prices)"
        shaped = with_results(code, {"prices": [1]})
        assert shaped is not None
        assert shaped.code == f"{code}\nrows"

    def test_it_is_part_of_the_offer(self) -> None:
        offer = shape(["top = sales.head()"], {"sales": object()}, [])
        assert offer.codes == ("top = sales.head()\ntop",)
        assert offer.notes == ("Added a line that shows `top`.",)


@pytest.mark.parametrize(
    ("code", "offered", "notes"),
    [
        (
            "# A figure\nplt.plot([1, 2])",
            "# A figure\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])",
            ("Added `import matplotlib.pyplot as plt`.",),
        ),
        (
            "np.arange(json.loads('3'))",
            "import json\nimport numpy as np\nnp.arange(json.loads('3'))",
            ("Added `import json`.", "Added `import numpy as np`."),
        ),
        ("import numpy as np\nnp.arange(3)", None, ()),
        ("def plot():\n    plt = 1\n    return plt", None, ()),
        ("plot(sales)", None, ()),
        ("nolib.run()", None, ()),
        ("try:\n    np.arange(3)\nexcept NameError:\n    import numpy as np", None, ()),
    ],
)
def test_an_import_that_everybody_knows_is_added(code, offered, notes):
    offer = shape([code], {}, [])
    assert offer.codes == (offered or code,)
    assert offer.notes == notes


def test_what_the_notebook_or_the_answer_has_is_not_imported_again():
    assert shape(["np.arange(3)"], {"np": np}, []).codes == ("np.arange(3)",)
    codes = ["import numpy as np", "np.arange(3)"]
    assert shape(codes, {}, []).codes == tuple(codes)
