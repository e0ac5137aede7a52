"""The kind of value that a request asks for, and what an answer gives."""

from __future__ import annotations

from collections import Counter, namedtuple

import pandas as pd
import pytest

from codeface_jupyter.outcome import Change, Outcome
from codeface_jupyter.trials.asked_kind import asked_kind, gives_another_kind, kind_note
from codeface_jupyter.trials.few_words import kinds_of

Pair = namedtuple("Pair", "a b")


@pytest.mark.parametrize(
    ("request_text", "kind"),
    [
        ("The mean of each region. Return a DataFrame with two columns.", "DataFrame"),
        ("Return the titles as list.", "list"),
        ("give me the ten best as a Series, please", "Series"),
        ("Put their names in a tuple", "tuple"),
        ("Give me a tuple of `(first, last)`.", "tuple"),
        ("Return a named tuple of statistic and pvalue", "tuple"),
        ("Present the results in a dict with the words as keys", "dict"),
        ("Return a dictionary with these metrics", "dict"),
        ("Show a data frame with the index `year`", "DataFrame"),
        ("The result should be put into a Series", "Series"),
        ('The resulting DataFrame should have "Region" as its index', "DataFrame"),
        ("Return a dict with a list for each key", "dict"),
        ("Return a list, not a dict", "list"),
        ("Don't return a DataFrame, return a list", "list"),
        ("Sum up each region and return the results in a dataframe", "DataFrame"),
        ("Collect the titles and show them in a list", "list"),
        ("The results should be given in a dictionary", "dict"),
        ("The result should be in a tuple", "tuple"),
        ("Put the rows of `df` into a list of dictionaries", "list"),
        ("Return the largest values in a list as a tuple", "tuple"),
        ("Show the mean of each region as a DataFrame", "DataFrame"),
        ("Apply the function to `x`.\nReturn a list", "list"),
        ("Use the method `total`. Give me a list", "list"),
    ],
)
def test_it_is_told_from_what_is_to_be_given(request_text, kind):
    assert asked_kind(request_text) == kind


@pytest.mark.parametrize(
    "request_text",
    [
        "How many names are in a list?",
        "Return the rows where tags is a list",
        "Return the number of items in each list",
        "Show which of these is a dict",
        "List the names of the ten largest",
        "Read the file into a dataframe variable `sales`",
        "Return a list or give a tuple",
        "Write a function that takes a list",
        "```python\ndef f():\n    # return a list\n    return 1\n```\nWhat does it do?",
        "Return the first. A list is not needed",
        "Return the rows whose country is in a list of EU countries",
        "Return rows where the word occurs in a dictionary",
        "Output the words that are in a list",
        "Return how many elements are in a tuple",
        "Give the average number of players in a series",
        "Present the results in a series of bar charts",
        "Give me the largest value in a list, say [3, 9, 2]",
        "return the second largest element in a list",
        "Write code to return the sum of the even values in a list and test it",
        "show the value of the key 'b' in a dictionary",
        "show the missing values in a dataframe",
        "show the trend in a series",
        "output the keys in a dict",
        "The result should be the number of items in a list",
        "Show a list of all customers with their total sales",
        "Write a function that should return a dict of word counts, and show the count of a",
        "Define top(df), a method to return the n largest rows as a dataframe, and call it",
        "Write a function `top`. It should return a list",
        "give each line as a tuple",
        "return every line as a dict with name and age",
        "give the units of each region as a list",
        "give me each group as a dataframe",
        "give the units per region as a list",
        "give a named tuple per row as a list",
        "return a list for each region",
        "put each line into a tuple",
        "put the units of each region in a list",
    ],
)
def test_nothing_is_told_from_what_is_there_or_may_be_both(request_text):
    assert asked_kind(request_text) == ""


@pytest.mark.parametrize(
    ("value", "kinds"),
    [
        (pd.DataFrame({"a": [1]}), ["DataFrame"]),
        (pd.Series([1]), ["Series"]),
        (Pair(1, 2), ["tuple"]),
        (Counter("a"), ["dict"]),
        ([1], ["list"]),
        ("list", []),
        (None, []),
    ],
)
def test_a_value_is_of_its_kind_and_of_those_it_is_derived_from(value, kinds):
    assert kinds_of(value) == kinds


def ran(value, *kinds, changes=()):
    return Outcome(ending="ran", value=value, value_kinds=kinds, changes=changes)


NEW = Change(name="best", kind="new", text="DataFrame of 2 rows and 1 column")
OTHER = Change(name="best", kind="new", text="Series of 2")
CHANGED = Change(name="sales", kind="changed", text="adds column `a`")


@pytest.mark.parametrize(
    ("outcome", "is_another"),
    [
        (ran("Series of 2", "Series"), True),
        (ran("'north'"), True),
        (ran("Series of 2", "Series", changes=(OTHER,)), True),
        (ran("DataFrame of 2 rows and 1 column", "DataFrame"), False),
        (ran("Series of 2", "Series", changes=(NEW,)), False),
        (ran("Series of 2", "Series", changes=(CHANGED,)), False),
        (ran(""), False),
        (ran("DataFrame, 3 x 2"), False),
        (None, False),
    ],
)
def test_another_kind_is_one_that_neither_the_value_nor_a_variable_is_of(outcome, is_another):
    assert gives_another_kind(outcome, "DataFrame") is is_another


def test_without_a_kind_there_is_no_other():
    assert not gives_another_kind(ran("Series of 2", "Series"), "")
    assert kind_note(ran("Series of 2", "Series"), "") == ""


def test_a_note_says_what_is_given_instead():
    said = kind_note(ran("Series of 2", "Series"), "DataFrame")
    assert said == "The request asks for a DataFrame; this gives `Series of 2`."
