"""The parameters that an argument may name, by live callables that are never called."""

import pandas as pd
import pytest

from codeface_jupyter.trials.naming import KnownNames


def shipping(weight, zone, *, express=False, insured=False):
    """Return what a parcel costs."""


def anything(first, **more):
    """Take whatever is named."""


class Parcel:
    """Weighs something."""

    def __init__(self, weight, fragile=False):
        self.weight = weight

    def send(self, zone, express=False):
        """Send it."""

    @classmethod
    def of(cls, text, strict=False):
        """Read one."""


class Tricky:
    """Answers for itself what it has."""

    def __getattr__(self, name):
        raise AssertionError(f"It was asked for {name}.")

    def __call__(self, first, second=None):
        raise AssertionError("It was called.")


def namespace():
    return {
        "pd": pd,
        "sales": pd.DataFrame({"price": [1.0], "units": [2]}),
        "shipping": shipping,
        "anything": anything,
        "parcel": Parcel(1),
        "Parcel": Parcel,
        "tricky": Tricky(),
        "zones": ["EU"],
    }


def names_at(code, **more):
    found = KnownNames(namespace(), **more).at_end_of(code)
    return None if found is None else set(found.options)


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("shipping(1, zone=2, ", {"express", "insured"}),
        ("shipping(1, zone=2,", {"express", "insured"}),
        ("shipping(weight=1, ", {"zone", "express", "insured"}),
        ("shipping(\n    weight=1,\n    ", {"zone", "express", "insured"}),
        ("shipping(weight=1,  # kg\n    ex", {"express"}),
        ("shipping(1, 2, ", {"express", "insured"}),
        ("shipping(zone=zones[0], *rest, ", {"weight", "express", "insured"}),
        ("total = sum([1, shipping(weight=min(1, 2), ", {"zone", "express", "insured"}),
        ("shipping(lambda a, b: a, zone={1: 2}, ", {"express", "insured"}),
        ("shipping(1, zone=(1 == 2), ", {"express", "insured"}),
        ("shipping(1, 1 == 2, ", {"express", "insured"}),
        ("shipping(**terms, ", {"weight", "zone", "express", "insured"}),
        ("parcel.send(zone=1, ", {"express"}),
        ("Parcel(weight=1, ", {"fragile"}),
        ("sorted(zones, ", {"key", "reverse"}),
        ('print("a", sep="", en', {"end"}),
        ("if shipping(weight=1, in", {"insured"}),
        ("def cost(n):\n    return shipping(weight=n, ex", {"express"}),
    ],
)
def test_where_only_a_parameter_may_be_named_it_is_one_that_is_there(code, names):
    assert names_at(code) == names


def test_a_method_of_a_table_has_its_own():
    names = names_at('sales.sort_values("price", ascending=False, ')

    assert {"kind", "na_position", "ignore_index"} < names
    assert not {"ascending", "by", "self"} & names
    # What pandas wraps, to warn of arguments without a name.
    names = names_at('sales.groupby("price", sort=False, ')
    assert "as_index" in names
    assert not {"sort", "by", "self", "args"} & names


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ('sales.sort_values("price", asc', {"ascending"}),
        ("shipping(1, exp", {"express"}),
        ("shipping(wei", {"weight"}),
        ("x = [shipping(1, 2, 3), shipping(wei", {"weight"}),
        ("[parcel for parcel in zones if shipping(wei", {"weight"}),
    ],
)
def test_what_begins_no_name_that_is_there_begins_a_parameter(code, names):
    assert names_at(code) == names


@pytest.mark.parametrize(
    "code",
    [
        *("shipping(", "shipping(1, ", "shipping(1, zo", "shipping(1, n", "shipping(1, wei"),
        *("shipping(1, not ex", "shipping(1, zone=exp", "shipping(1, 2 + ex", "shipping(1, x.ex"),
        *("express = 1\nshipping(1, exp", "for express in zones:\n    shipping(1, exp"),
        "[shipping(1, exp",
        "sum(shipping(1, exp",
        "{shipping(1, exp",
        "def shipping(weight=1, ",
        "class Big(Parcel, weight=1, ",
        "shipping(lambda weight=1, ",
        "shipping(weight=1, zone=2, express=3, insured=4, ",
        "shipping(weight=1, zone=1 ",
        "shipping(weight=1 ",
        "anything(first=1, ",
        "tricky(first=1, ",
        "tricky.call(first=1, ",
        "unheard_of(first=1, ",
        "dict(first=1, ",
        "pd.unheard_of(first=1, ",
        "def shipping(a):\n    pass\nshipping(weight=1, ",
        "(weight=1, ",
        "# shipping(weight=1, ",
        '"shipping(weight=1, ',
        "shipping(weight=1, # ",
    ],
)
def test_elsewhere_anything_may_come(code):
    assert names_at(code) is None


def test_a_name_of_a_cell_that_has_not_been_run_may_be_meant():
    assert names_at("shipping(1, exp", others=lambda: {"expenses"}) is None
    assert names_at("shipping(1, exp", others=lambda: {"zebra"}) == {"express"}


def continuations(code):
    return {rest.decode() for rest in KnownNames(namespace()).at_end_of(code).rests}


def test_a_parameter_is_followed_by_what_it_is_given():
    assert "ress=" in continuations("shipping(1, exp")
    assert {"=", " ="} <= continuations("shipping(1, express")


def test_instead_of_naming_one_a_call_may_end_or_go_on_below():
    begun = continuations("shipping(weight=1,")

    assert {"zone=", " zone=", ")", "\n", " *", "  #"} - begun == {"  #"}
    assert any(text.isspace() and len(text) > 1 for text in begun)


@pytest.mark.parametrize("code", ["f(" * 9_000, "f(a=1, " * 3_000, "[" * 9_000 + "f(a=1, "])
def test_what_is_nested_without_end_is_not_known(code):
    assert names_at(code) is None
