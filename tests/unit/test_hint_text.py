"""What of an answer a class is given: its words as they come, and none of its code."""

import pytest

from codeface_jupyter.prompts import HintText

CODE_ONLY = "The model answered with code only. Ask for the steps, or for one of them."


def hint(text, *, step=3):
    given = HintText()
    parts = [given.add(text[start : start + step]) for start in range(0, len(text), step)]
    return "".join(parts) + given.finish()


@pytest.mark.parametrize(
    "code",
    [
        "```python\nx = f(1)\n```",
        "~~~\nx = f(1)\n~~~",
        "- ```\n  x = f(1)\n  ```",
        "> ```\n> x = f(1)\n> ```",
        "    x = f(1)",
        "x = f(1)",
        "1. x = f(1)\n2. print(x)",
        "**x = f(1)**",
        "for x in f(1):\n    print(x)",
        "x = f(\n    1\n)",
        "import pandas as pd",
        "for row in rows:\n    total += row",
        "sales.units - sales.returned",
        "x = f(1)[",
        ">>> f(1)",
        "%time f(1)",
        "<pre>f(1)</pre>",
        "````sql\nSELECT f(1)\n````",
    ],
)
@pytest.mark.parametrize("step", [1, 4, 1000])
def test_a_hint_ends_where_code_begins(code, step):
    assert hint(f"Group the rows.\n\n{code}\n\nThat is all.", step=step) == "Group the rows."


@pytest.mark.parametrize(
    "announcement",
    ["Use the following code:", "Here is the code:", "**Code:**"],
)
def test_nothing_announces_the_code_that_is_left_out(announcement):
    assert hint(f"Group first. Then sum.\n\n{announcement}\n\n```\nx\n```") == (
        "Group first. Then sum."
    )
    assert hint(f"Group first. {announcement}\n```\nx\n```") == "Group first."


@pytest.mark.parametrize(
    "words",
    [
        "Multiply `units` by `price`, then `groupby()` with `axis=1`; see `.idxmax`, `pd.merge`.",
        "Steps:\n\n1. Multiply the columns.\n2. Group.\n- `sales['units']`\n- df.groupby()",
        "Note: if a value is missing, drop it: it says nothing.\nfor each region, sum.",
        "Use a `for` loop, `import math`, or `x = 3`.",
        "Steps:\n- Group and sum\n- **Filter and sort**\n1. Left-join\n2. Sum/mean.\nit is fast",
        "- Filter, group and sum.\n- Top-10\n- Sort (descending)\n- not needed\n- **Group**-wise",
        "Sort the rows,\nif needed\nwith care.\n- return data",
        "",
    ],
)
def test_words_and_what_they_name_stay_as_they_are(words):
    assert hint(words) == words


def test_of_code_in_a_sentence_the_names_are_kept():
    chain = "Use `df.groupby('region')['revenue'].sum()` and `.head(3)`."
    assert hint(chain) == "Use `groupby`, `sum` and `head`."
    assert hint("Set `df['a'] = df['b'] * 2` first.") == "Set `…` first."


def test_an_answer_of_nothing_but_code_says_what_to_look_up():
    assert hint("```python\nprint(sales.groupby('a').sum())\n```") == "Look up `groupby`, `sum`."
    assert hint("Use this:\n\nx = max(y)\n") == "Look up `max`."
    assert hint("```\nx = a + b\n```") == CODE_ONLY


def test_thoughts_are_no_part_of_a_hint():
    assert hint("<think>\n```\nx = f(1)\n```\n</think>\n\nGroup the rows.") == "Group the rows."


def test_words_come_line_by_line():
    given = HintText()
    assert given.add("Group the rows.") == ""
    assert given.add("\nThen") == "Group the rows."
    assert given.add(" sum.\nx = f(1)\n") == "\nThen sum."
    assert given.is_over
    assert given.add("More words.\n") + given.finish() == ""
