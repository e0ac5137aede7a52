"""The code of an answer, whatever the model wrote: nothing is made up, and none raises."""

from hypothesis import find, given
from hypothesis import strategies as st

from codeface_jupyter.prompts import (
    CodeBlock,
    cell_for,
    extract_code,
    extract_code_blocks,
    fenced,
    normalize_language,
)
from codeface_jupyter.prompts.code_blocks import with_code

LINES = st.sampled_from(
    [
        *("```", "```python", "````", "~~~", "~~~ r", "  ```", "> ```py", "- ```", "1. x", "    y"),
        *("x = 1", "def f():", "    return '''", "'''", "print('```')", '```python title="a"'),
        *("", "Here it is:", "| a |", "<think>", "</think>", "<script>", "# Title", "%%bash"),
    ]
)
ENDS = st.sampled_from(
    ["\n", "\n", "\n", "\r\n", "\r", "\u2028", "\x0c", "\x85", "\t", " ", "\x00"]
)
# Also what no model should write, but a server can send.
ANSWERS = st.lists(st.tuples(LINES | st.text(max_size=8), ENDS)).map(
    lambda parts: "".join(line + end for line, end in parts)
)
# Without quotes: a fence in a string is no end.
CODE = st.text("ab=\n \t()~#>-\u2028\x0c\x85é", min_size=1, max_size=30)
LANGUAGES = st.sampled_from(["python", "r", "bash", "sql", "markdown", "javascript", "text"])


def characters(text):
    """Return a text without what a Markdown parser may change of it."""
    return "".join(text.split()).replace("\x00", "\ufffd")


def test_some_answers_have_blocks():
    assert find(ANSWERS, extract_code_blocks)
    assert find(ANSWERS, lambda answer: len(extract_code_blocks(answer)) > 1)


@given(answer=ANSWERS | st.text())
def test_no_code_is_made_up(answer):
    written = characters(answer)
    for block in extract_code_blocks(answer):
        assert block.code.strip()
        assert all(characters(line) in written for line in block.code.splitlines())


@given(answer=ANSWERS)
def test_the_code_is_that_of_its_blocks(answer):
    blocks = extract_code_blocks(answer)
    for language in ("python", "bash"):
        code = extract_code(blocks, language=language)
        assert code in ("", *(block.code for block in blocks)) or "\n\n" in code


@given(answer=ANSWERS)
def test_an_answer_with_its_own_code_stays_as_it_is(answer):
    answer = answer.replace("think>", "b>")
    blocks = extract_code_blocks(answer)
    assert extract_code_blocks(with_code(answer, [block.code for block in blocks])) == blocks


@given(blocks=st.lists(st.tuples(LANGUAGES, CODE.filter(str.strip)), min_size=1, max_size=4))
def test_blocks_come_back_as_they_were_fenced(blocks):
    blocks = [(language, code.strip("\n")) for language, code in blocks]
    answer = "\n\n".join(fenced(code, language) for language, code in blocks)
    found = extract_code_blocks(answer)
    assert [(block.language, block.code) for block in found] == blocks
    assert all(block.is_closed for block in found)


@given(info=st.text())
def test_any_info_string_names_a_language(info):
    language = normalize_language(info)
    kind, source = cell_for(CodeBlock(language, "x"))
    assert kind in ("code", "markdown")
    assert source.endswith("x" if kind == "code" or language == "markdown" else "\nx\n```")
