import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeface_jupyter.prompts import (
    EDIT_EXAMPLES,
    EXAMPLES,
    CodeBlock,
    Prompt,
    cell_for,
    chat_messages,
    completion_text,
    extract_code,
    extract_code_blocks,
    fenced,
    interpolate,
    missing_magic,
    normalize_language,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Here:\n```python\nx = 1\n```\nDone.", [CodeBlock("python", "x = 1")]),
        ("~~~py\nx = 1\n~~~", [CodeBlock("python", "x = 1")]),
        ("```\nx = 1\n```", [CodeBlock("python", "x = 1")]),
        ("````md\n```python\nx\n```\n````", [CodeBlock("markdown", "```python\nx\n```")]),
        (
            "```bash\nls\n```\ntext\n```{python}\nx\n```",
            [CodeBlock("bash", "ls"), CodeBlock("python", "x")],
        ),
        ("1. do\n   ```python\n   x = 1\n   ```", [CodeBlock("python", "x = 1")]),
        ("```python\nx = 1\ny =", [CodeBlock("python", "x = 1\ny =", is_closed=False)]),
        ("```python", []),
        ("import math\nprint(math.pi)", [CodeBlock("python", "import math\nprint(math.pi)")]),
        ("print('only a call')", [CodeBlock("python", "print('only a call')")]),
        ("Yes", []),
        ("This is an explanation.", []),
        ("", []),
    ],
)
def test_code_is_found_in_fences_of_any_kind(text, expected):
    assert extract_code_blocks(text) == expected


def test_code_prefers_the_language_asked_for_and_skips_output():
    blocks = [
        CodeBlock("bash", "pip install x"),
        CodeBlock("python", "a = 1"),
        CodeBlock("text", "1"),
        CodeBlock("python", "b = 2"),
    ]
    assert extract_code(blocks) == "a = 1\n\nb = 2"
    assert extract_code(blocks, language="bash") == "pip install x"
    assert extract_code(blocks, language="r") == "pip install x"
    assert extract_code([CodeBlock("output", "1")]) == ""


@given(st.text(alphabet="`x\n", max_size=30).filter(lambda code: code.strip("\n ")))
def test_a_fence_always_holds_its_code(code):
    code = code.strip("\n")
    assert extract_code_blocks(fenced(code, "python")) == [CodeBlock("python", code)]


@pytest.mark.parametrize(
    ("block", "cell"),
    [
        (CodeBlock("python", "x"), ("code", "x")),
        (CodeBlock("bash", "ls"), ("code", "%%bash\nls")),
        (CodeBlock("r", "x <- 1"), ("code", "%%R\nx <- 1")),
        (CodeBlock("sql", "%%sql\nselect 1"), ("code", "%%sql\nselect 1")),
        (CodeBlock("markdown", "# Title"), ("markdown", "# Title")),
        (CodeBlock("json", '{"a": 1}'), ("markdown", '```json\n{"a": 1}\n```')),
        (CodeBlock("output", "0.5"), ("markdown", "```output\n0.5\n```")),
        (CodeBlock("text", "city  units"), ("markdown", "```text\ncity  units\n```")),
        (CodeBlock("rust", "fn main() {}"), ("markdown", "```rust\nfn main() {}\n```")),
        (CodeBlock("code", "print(1)"), ("code", "print(1)")),
        (CodeBlock("text", "%%writefile a.txt\na"), ("code", "%%writefile a.txt\na")),
    ],
)
def test_each_language_gets_the_right_cell(block, cell):
    assert cell_for(block) == cell


def test_what_needs_a_magic_that_is_not_there_is_text_with_a_word_on_it():
    block = CodeBlock("sql", "select 1")
    assert cell_for(block, cell_magics={"sql"}) == ("code", "%%sql\nselect 1")
    assert cell_for(block, cell_magics={"bash"}) == ("markdown", "```sql\nselect 1\n```")
    assert "`pip install jupysql`" in missing_magic(block, cell_magics={"bash"})
    assert missing_magic(CodeBlock("bash", "ls"), cell_magics={"bash"}) == ""
    assert missing_magic(CodeBlock("python", "x"), cell_magics=()) == ""


def test_language_names_are_resolved():
    assert normalize_language("Python3 title=x") == "python"
    assert normalize_language("{r, echo=FALSE}") == "r"
    assert normalize_language("", default="sql") == "sql"


def test_chat_prompt_puts_what_stays_first_and_the_request_last():
    prompt = Prompt(request="Sum it {literally}.", cells=("x = 1", "y = 2"), notes="y: int")
    system, user = chat_messages(prompt)
    assert system["role"] == "system"
    content = user["content"]
    assert "next cell in python" in content
    assert content.index("x = 1") < content.index("y = 2") < content.index("y: int")
    assert content.endswith("Sum it {literally}.")


def test_requests_for_a_cell_come_after_examples_where_they_help():
    prompt = Prompt(request="Sum it.", cells=("x = 1",), notes="Variables:\nx: int 1")

    system, *examples, user = chat_messages(prompt, with_examples=True)

    assert [system, user] == chat_messages(prompt)
    assert [message["role"] for message in examples] == ["user", "assistant"] * (len(examples) // 2)
    assert examples
    assert all(turn["content"].startswith("```python\n") for turn in examples[1::2])


@pytest.mark.parametrize(
    "prompt",
    [
        Prompt(request="Why?", task="explain"),
        Prompt(request="Mend it.", task="fix"),
        Prompt(request="List the tables.", language="sql"),
        Prompt(request="Say hello.", instruction="Answer in French."),
        Prompt(request="Two of them.", task="edit", language="sql"),
    ],
    ids=["explain", "fix", "sql", "own template", "an edit of sql"],
)
def test_other_requests_come_without_examples(prompt):
    assert chat_messages(prompt, with_examples=True) == chat_messages(prompt)


def test_a_request_to_change_a_cell_comes_after_examples_of_that():
    prompt = Prompt(request="Two of them.", task="edit")
    _, *examples, user = chat_messages(prompt, with_examples=True)
    assert [message["role"] for message in examples] == ["user", "assistant"] * 2
    assert user == chat_messages(prompt)[-1]
    for example, asked, answer in zip(EDIT_EXAMPLES, examples[::2], examples[1::2], strict=True):
        assert asked["content"].count("Change the cell as asked.") == 1
        assert answer["content"] == fenced(example.code, "python")


def test_examples_run_and_end_in_a_value():
    for example in (*EXAMPLES, *EDIT_EXAMPLES):
        tree = ast.parse("\n".join((*example.prompt.cells, example.code)))
        assert isinstance(tree.body[-1], ast.Expr)
        assert "print" not in example.code


def test_completion_prompt_continues_a_script_of_cells():
    text = completion_text(Prompt(request="sum x\nand y", cells=("x = 1",)))
    assert text == "# In[1]:\n\nx = 1\n\n# In[2]:\n\n# sum x\n# and y\n"


KNOWN = {"df.shape": "(3, 2)", "In[3]": "x = 1", "row['a']": "7", "name": "{name}"}


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("shape {df.shape}!", "shape (3, 2)!"),
        ("{In[3]} and {row['a']}", "x = 1 and 7"),
        ("{unknown} {a b} {1} {} {{x}} {f()} {x!r} {x:.2f}",) * 2,
        (r"\n \d {'a': 1} f'{x}'",) * 2,
        ("{name}", "{name}"),
        ("{{df.shape}} of {df.shape}", "{df.shape} of (3, 2)"),
        ('why does print(f"{name}: {df.shape}") fail?',) * 2,
        ('why does print(t"{name}: {df.shape}") fail?',) * 2,
        ("use `{name}` as in 'Sales of {name}'",) * 2,
        ("```python\nf({name})\n```\nsays {df.shape}", "```python\nf({name})\n```\nsays (3, 2)"),
        ("for row in {df.shape}:\n    print({name})",) * 2,
        ("shape: {df.shape}, it's {df.shape}", "shape: (3, 2), it's (3, 2)"),
    ],
)
def test_only_known_names_in_braces_are_replaced(typed, sent):
    assert interpolate(typed, KNOWN.get) == sent


@given(st.text())
def test_text_without_known_names_stays_as_typed(text):
    assert interpolate(text, lambda _: None) == text
