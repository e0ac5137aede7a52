"""The documentation is what the code says, and its links lead somewhere."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from codeface_jupyter.config.engine_options import installed_engines

ROOT = Path(__file__).parents[2]
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)")


def test_tables_in_the_documentation_are_those_of_the_code():
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "generate_tables.py", "--check"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_reference_has_every_table_that_is_made():
    script = runpy.run_path(str(ROOT / "docs" / "generate_tables.py"))
    reference = (ROOT / "docs" / "reference.md").read_text()
    assert re.findall(r"<!-- ([\w ]+): begin -->", reference) == list(script["TABLES"])


def test_the_reference_names_the_engines_that_come_with_the_package():
    named = set(re.findall(r"^\| `(\w+)` \|", section("## Engines"), flags=re.M))
    ours = {
        name
        for name, engine in installed_engines().items()
        if type(engine.plugin).__module__.startswith("codeface_jupyter.")
    }
    assert named == ours


@pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda document: str(document.relative_to(ROOT))
)
def test_links_in_the_documentation_lead_somewhere(document):
    for target, anchor in LINK.findall(document.read_text()):
        linked = document.parent / target if target else document
        assert linked.exists(), f"{document.name} links to {target}"
        if anchor:
            assert anchor in anchors(linked), f"{document.name} links to {target}#{anchor}"


def test_links_in_the_documentation_are_found():
    assert any(anchor for document in DOCUMENTS for _, anchor in LINK.findall(document.read_text()))


def section(heading):
    """Return the reference's text from a heading to the next."""
    text = (ROOT / "docs" / "reference.md").read_text()
    return text.split(f"{heading}\n")[1].split("\n## ")[0]


def anchors(document):
    """Return what GitHub makes of a document's headings."""
    prose = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.+)$", prose, flags=re.M)
    return {
        re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings
    }
