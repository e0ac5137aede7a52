"""Code that does nothing by itself where something was to be done."""

import pytest

from codeface_jupyter.trials.idle_code import is_idle

CLEAN = "def clean():\n    return orders.dropna()"
REQUEST = "clean orders"
PROMPT = "orders = load()\nclean orders"
NAMES = {"orders", "load"}


@pytest.mark.parametrize("code", [CLEAN.replace("clean(", "tidy("), "# A data frame", "'a frame'"])
@pytest.mark.parametrize("head", ["", "import pandas as pd\n\n"])
def test_what_only_defines_or_says_something_is_idle(code, head):
    assert is_idle(head + code, request=REQUEST, prompt=PROMPT, names=NAMES) is not (
        head and "def" not in code
    )


@pytest.mark.parametrize(
    "code",
    [
        "def tidy():\n    return orders.dropna()\n\ntidy()",
        "import pandas as pd",
        "orders",
        "@app.route('/')\ndef tidy():\n    return orders",
        # It is there already, in a cell or in what was said.
        "def load():\n    return 1",
        "%matplotlib inline",
        "def tidy(",
    ],
)
def test_what_does_something_or_defines_it_anew_is_not(code):
    assert not is_idle(code, request=REQUEST, prompt=PROMPT, names=NAMES)


@pytest.mark.parametrize(
    "request_",
    [
        "a function that cleans orders",
        "write a cleaner for orders",
        "eine Klasse für orders",
        "une méthode pour orders",
        "add a method to clean orders",
        "class Orders with a total",
        "a dataclass of what orders holds",
        "an exception for bad orders",
        # Of what is not in the notebook, anything may be wanted.
        "binary search in a sorted list",
        "what is a data frame?",
    ],
)
def test_what_was_to_be_defined_is_not(request_):
    code = "def tidy():\n    return orders.dropna()"
    assert not is_idle(code, request=request_, prompt=PROMPT, names=NAMES)


@pytest.mark.parametrize(
    ("request_", "head"),
    [
        ("Create a PyTorch Dataset from orders", "class OrdersDataset(Dataset)"),
        ("a torch dataset of orders", "class Of(torch.utils.data.Dataset)"),
        ("Create a Basket with orders in it", "class Basket"),
    ],
)
def test_a_class_is_what_was_asked_for_by_what_it_is(request_, head):
    assert not is_idle(f"{head}:\n    pass", request=request_, prompt=PROMPT, names=NAMES)


@pytest.mark.parametrize(
    ("request_", "head"),
    [
        ("Create a DataFrame from orders", "def DataFrame()"),
        ("Create a DataFrame from orders", "class Tidy(Base)"),
        ("sum up Sales of orders", "class OfSales"),
    ],
)
def test_any_other_class_or_function_is_idle(request_, head):
    names = {*NAMES, "Sales"}
    assert is_idle(f"{head}:\n    pass", request=request_, prompt=PROMPT, names=names)


@pytest.mark.parametrize("request_", ["what is a list?", "how do I install pandas?"])
def test_a_comment_may_be_all_that_there_is_to_say(request_):
    assert not is_idle("# pip install pandas", request=request_, prompt=PROMPT, names=NAMES)
