"""Braces in a request and fields in a template, whatever is typed and whatever they hold."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeface_jupyter.errors import NotebookError, UnknownNameError
from codeface_jupyter.namespace import resolve
from codeface_jupyter.prompts import fill_template, interpolate

FIELDS = st.sampled_from(
    ["{x}", "{df.shape}", "{In[3]}", "{row['a']}", "{x", "x}", "{}", "{x!r}", "{x:>3}", "{税率}"]
)
PROSE = st.text("ab \n\"'`#\\$%\u2028\ud800", max_size=12)
REQUESTS = st.lists(FIELDS | PROSE, max_size=8).map("".join)
EXPRESSIONS = st.text() | st.lists(
    st.sampled_from(["x", "df", ".", "[", "]", "0", "-1", "'a'", "(", ")", "\ud800", "\x00", "{"])
).map("".join)


class Raising:
    """An object whose every attribute and item raises."""

    def __getattribute__(self, name):
        raise RuntimeError(name)

    def __getitem__(self, key):
        raise RuntimeError(key)


NAMESPACE = {"x": [{"a": 1}], "df": Raising(), "f": len}


@given(value=st.text() | REQUESTS)
def test_what_a_name_holds_is_not_read_again(value):
    assert interpolate("about {x}.", {"x": value, "In[3]": "!"}.get) == f"about {value}."


@given(text=REQUESTS)
def test_what_stands_between_braces_is_asked_for_as_it_is_typed(text):
    asked = []
    interpolate(text, asked.append)
    assert all(f"{{{expression}}}" in text for expression in asked)


@given(text=REQUESTS.filter(lambda text: "{" not in text))
def test_text_without_braces_stays_whatever_is_known(text):
    assert interpolate(text, lambda _: "!") == text


@given(expression=EXPRESSIONS)
def test_any_expression_is_found_or_refused(expression):
    with suppress(NotebookError, UnknownNameError):
        resolve(expression, NAMESPACE)


@given(template=st.lists(st.sampled_from(["$", "$$", "${", "}", "x", "$x", "$request"]) | PROSE))
def test_any_template_is_filled_in_or_refused(template):
    with suppress(NotebookError):
        fill_template("".join(template), {"request": "r", "x": ""})


@given(value=st.text() | REQUESTS)
def test_what_a_field_holds_is_not_read_again(value):
    assert fill_template("<$request>", {"request": value}) == f"<{value}>"


def test_deep_nesting_is_refused():
    with pytest.raises(NotebookError):
        resolve("(" * 10_000 + "x", NAMESPACE)
