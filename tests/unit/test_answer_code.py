"""The code of an answer is what the model offers as code: all of it, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeface_jupyter.config import Config
from codeface_jupyter.engines.scripted import ScriptedEngine
from codeface_jupyter.prompts import (
    CodeBlock,
    extract_code,
    extract_code_blocks,
    fenced,
    split_thoughts,
    widened,
    with_code,
    without_thoughts,
)
from codeface_jupyter.session import Session

README = 'readme = """\n# Usage\n\n```python\nimport tool\n```\n\nand\n\n```\nmore\n```\n"""'
PROMPT = "ask = f'''\nFix:\n```\n{code}\n```\n'''\nsend(ask)"
DOCUMENTED = 'def f():\n    """Add.\n\n```\n1 + 1\n```\n    """\n    return 2'


@pytest.mark.parametrize("code", [README, PROMPT, DOCUMENTED, f"%pip install x\n{README}\n!ls"])
@pytest.mark.parametrize("language", ["python", "py", ""])
def test_code_is_not_cut_at_fences_in_its_strings(code, language):
    text = f"Here:\n\n```{language}\n{code}\n```\n\nThen run:\n\n```bash\nls\n```\n"
    assert extract_code_blocks(text) == [CodeBlock("python", code), CodeBlock("bash", "ls")]


def test_code_in_a_list_is_not_cut_at_fences_in_its_strings():
    inside = "\n".join(f"   {line}".rstrip() for line in PROMPT.split("\n"))
    text = f"1. Write:\n   ```python\n{inside}\n   ```\n2. Run it."
    assert extract_code(extract_code_blocks(text)) == PROMPT


def test_code_that_nothing_makes_readable_ends_at_its_fence():
    text = '```python\nx = """open\n```\nwords\n```python\ny = 1\n```'
    assert [block.code for block in extract_code_blocks(text)] == ['x = """open', "y = 1"]
    assert widened(text) == text


def test_two_answers_in_one_are_kept_apart():
    text = f"```python\n{README}\n```\n\n```python\n{PROMPT}\n```"
    assert [block.code for block in extract_code_blocks(text)] == [README, PROMPT]


@given(st.lists(st.sampled_from([README, PROMPT, DOCUMENTED, "x = 1", "y ="]), max_size=4))
def test_what_a_parser_reads_in_a_widened_text_is_the_code(codes):
    text = "\n\n".join(f"Words.\n\n```python\n{code}\n```" for code in codes)
    assert [block.code for block in extract_code_blocks(text)] == codes
    assert [block.code for block in extract_code_blocks(with_code(text, codes))] == codes
    assert len(widened(text).split("\n")) == len(text.split("\n"))


@pytest.mark.parametrize(
    "shown",
    [
        "   a  b\n0  1  2",
        "42",
        "Name: Alice\nAge: 3",
        "{'a': [1, 2]}",
        "total = 5",
        "array([1, 2])",
    ],
)
def test_output_without_a_language_is_not_joined_to_the_code(shown):
    named = f"```python\nprint(x)\n```\n\n```\n{shown}\n```"
    assert extract_code(extract_code_blocks(named)) == "print(x)"
    unnamed = f"```\nprint(x)\n```\n\n**Output:**\n```\n{shown}\n```"
    assert extract_code(extract_code_blocks(unnamed)) == "print(x)"


def test_code_without_a_language_is_code():
    text = "```\nimport math\n```\nand\n```\nmath.pi\n```\nwhich prints:\n```\n3.14\n```"
    assert extract_code(extract_code_blocks(text)) == "import math\n\nmath.pi"
    sql = "```\nselect 1\n```\nwith\n```\nselect 2\n```"
    blocks = extract_code_blocks(sql, default_language="sql")
    assert extract_code(blocks, language="sql") == "select 1\n\nselect 2"


def test_code_that_cannot_be_read_is_still_shown_as_code():
    assert extract_code_blocks("```\nfor x in y\n```") == [CodeBlock("python", "for x in y")]


DELETES = '```python\nimport shutil\nshutil.rmtree("data")\n```'
CODE = "```python\nprint(1)\n```"
CHANNEL = "<|channel|>"
FINAL = f"{CHANNEL}final<|message|>"


@pytest.mark.parametrize(
    "text",
    [
        f"<think>\nI could do:\n{DELETES}\nNo, never.\n</think>\n\n{CODE}",
        f"<think>\nI could do:\n{DELETES}\n</think>\n{CODE}",
        f"<think>{DELETES}</think>\n{CODE}",
        f"I could do:\n{DELETES}\nNo.\n</think>\n\n{CODE}",
        f"<think>\n{DELETES[:-3]}\n</think>\n{CODE}",
        f"{DELETES[:-3]}\n</think>\n{CODE}",
        f"\n\n<thinking>\n{DELETES}\n</thinking>\n{CODE}",
        f"[THINK]{DELETES}[/THINK]\n{CODE}",
        f"<think></think>\n{CODE}",
        f"<think>\none\n</think>\nFirst.\n\n<think>\n{DELETES}\n</think>\n{CODE}",
        f"\u25c1think\u25b7{DELETES}\u25c1/think\u25b7{CODE}",
        f"{CHANNEL}analysis<|message|>{DELETES}<|end|><|start|>assistant{FINAL}{CODE}",
        f"analysisI could do:\n{DELETES}\nNo.assistantfinal{CODE}",
        f"<details>\n<summary>Code</summary>\n{CODE}\n</details>",
    ],
)
def test_code_of_thoughts_is_not_offered_and_the_answer_s_is(text):
    assert extract_code_blocks(text) == [CodeBlock("python", "print(1)")]


def test_an_answer_that_is_cut_off_while_the_model_thinks_has_no_code():
    assert extract_code_blocks(f"<think>\n{DELETES}\nBut") == []
    assert without_thoughts(f"<think>\n{DELETES}\nBut") == ""


@pytest.mark.parametrize(
    "text",
    [
        "```python\nt = re.sub('<think>.*</think>', '', t)\n```",
        '```python\ntemplate = """\n<think>\n{thought}\n</think>\n"""\n```',
        "Models write `<think>` and `</think>` around it.\n\n" + CODE,
        "In a line, <think> and </think> mean nothing.\n\n" + CODE,
        "analysis of the table:\n\n" + CODE,
        "The model ends its thoughts with assistantfinal, which is cut.\n\n" + CODE,
        CODE,
        "",
    ],
)
def test_an_answer_about_such_tags_is_no_thought(text):
    assert without_thoughts(text) == text


@given(st.lists(st.sampled_from(["<think>", "</think>", "\n", "a", "```\n", "`", "<", "[THINK]"])))
def test_nothing_but_tags_is_lost(pieces):
    text = "".join(pieces)
    kept = "".join(part.text for part in split_thoughts(text))
    for tag in ("<think>", "</think>", "[THINK]"):
        text, kept = text.replace(tag, ""), kept.replace(tag, "")
    assert kept == text


def test_thoughts_are_neither_sent_again_nor_taken_for_code(tmp_path):
    engine = ScriptedEngine([f"<think>\nSecretly {DELETES}\n</think>\n\n{CODE}", "Fine."])
    session = Session(config=Config(file=tmp_path / "none.toml"), engine=engine)
    answer = session.stream("print one")
    answer.read_to_end()
    result = answer.result
    assert result.code == "print(1)"
    assert result.thoughts == [f"\nSecretly {DELETES}\n"]
    assert "Secretly" in result.text
    session.stream("again").read_to_end()
    assert "Secretly" not in engine.format_prompt(engine.requests[-1].prompt)
    (first, _) = session.conversation.exchanges
    assert first.answer.strip() == CODE
    session.close()


@given(st.text(alphabet="`~x\n>", max_size=30).filter(str.strip))
def test_a_fence_holds_any_code(code):
    (block,) = extract_code_blocks(fenced(code, "text"))
    assert block.code == code.rstrip("\n")
