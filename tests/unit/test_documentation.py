"""What the pages tell users to type exists, and the examples of the Python API run."""

import ast
import re
from pathlib import Path

import pytest

from codeface_jupyter.cli.main import main
from codeface_jupyter.config import CONFIG_FILE_VARIABLE, Config, short_setting_fields
from codeface_jupyter.config.sources import checked
from codeface_jupyter.frontend import protocol
from codeface_jupyter.magics import magics_classes
from codeface_jupyter.prompts import fill_template

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *DOCS.rglob("*.md")]
# An example's own, a cluster's, the tests', and where any setting may stand.
NOT_SETTINGS = {
    CONFIG_FILE_VARIABLE,
    "CODEFACE_KEYS",
    "CODEFACE_NAME",
    "CODEFACE_PORT",
    "CODEFACE_SCREENSHOTS",
}
EXAMPLE_ENGINES = ("CODEFACE_ECHO__", "CODEFACE_OPENAI__")
MAGICS = re.compile(r"%(codeface\w*)")
VARIABLES = re.compile(r"CODEFACE_[A-Z_]+[A-Z]")
SETTINGS = re.compile(r"^%codeface_config (.+)$", re.MULTILINE)
VALUES = re.compile(r"([\w.]+)=(\S+)")
COMMANDS = re.compile(r"^ *codeface ([a-z]+)|`codeface ([a-z]+)", re.MULTILINE)
NAMED = pytest.mark.parametrize(
    "document", PAGES, ids=lambda document: str(document.relative_to(ROOT))
)


@pytest.mark.parametrize("named", [MAGICS, VARIABLES, SETTINGS, VALUES, COMMANDS])
def test_the_pages_name_some_of_each(named):
    assert any(named.search(document.read_text()) for document in PAGES)


@NAMED
def test_the_magics_that_a_page_names_exist(document):
    ours = {name for cls in magics_classes() for kind in cls.magics.values() for name in kind}
    assert set(MAGICS.findall(document.read_text())) <= ours


@NAMED
def test_the_variables_that_a_page_names_are_settings(document):
    named = set(VARIABLES.findall(document.read_text())) - NOT_SETTINGS
    known = set(short_setting_fields())
    settings = {name for name in named if not name.startswith(EXAMPLE_ENGINES)}
    assert {name.removeprefix("CODEFACE_").lower() for name in settings} <= known


@NAMED
def test_the_values_that_a_page_gives_settings_are_accepted(document):
    for line in SETTINGS.findall(document.read_text()):
        for name, value in VALUES.findall(line):
            if not name.startswith("echo."):
                given = int(value) if value.isdecimal() else value
                assert checked({name: given}, source=document.name)


@NAMED
def test_the_commands_that_a_page_names_exist(document, capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    known = set(re.findall(r"^    (\w+) ", capsys.readouterr().out, flags=re.M))
    assert "doctor" in known
    named = COMMANDS.findall(document.read_text())
    assert {first or second for first, second in named} <= known


def test_the_examples_of_the_python_api_run(tmp_path):
    page = (DOCS / "api.md").read_text()
    # The first example answers with the model of whoever reads it.
    _, *examples = re.findall(r"^```python\n(.*?)^```", page, flags=re.M | re.S)
    assert len(examples) >= 4
    names = {}
    for example in examples:
        exec(compile(example, "api.md", "exec"), names)
    names["session"].close()


def test_the_page_about_the_protocol_has_every_method():
    page = (DOCS / "protocol.md").read_text().split("## Methods\n")[1].split("\n## ")[0]
    methods = {
        (thing.method, type(thing).__name__.lower())
        for thing in vars(protocol).values()
        if isinstance(thing, protocol.Notification | protocol.Request)
    }
    assert set(re.findall(r"^\| `(\w+)` \| (\w+) \|", page, flags=re.M)) == methods


def test_the_example_of_a_template_is_one():
    page = (DOCS / "how-to" / "prompt-template.md").read_text()
    template = re.search(r"^```text\n(.*?)^```", page, flags=re.M | re.S)[1]
    filled = fill_template(template, {"request": "sum up", "language": "python"})
    assert filled.startswith("sum up\n")


def test_the_files_of_settings_in_the_pages_are_read(tmp_path):
    for page in PAGES:
        for number, text in enumerate(
            re.findall(r"^```toml\n(.*?)^```", page.read_text(), flags=re.M | re.S)
        ):
            if "entry-points" not in text:
                file = tmp_path / f"{page.stem}-{number}.toml"
                file.write_text(text)
                assert Config(file=file).settings


def test_the_walk_through_an_engine_is_python():
    page = (DOCS / "how-to" / "engine.md").read_text()
    parts = re.findall(r"^   ```python\n(.*?)^   ```", page, flags=re.M | re.S)
    assert len(parts) == 3
    for part in parts:
        assert ast.parse(re.sub(r"^   ", "", part, flags=re.M)).body
