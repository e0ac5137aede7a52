"""Sphinx's configuration: the pages of this folder, and three files from outside, as a site."""

from __future__ import annotations

import os
import re
import runpy
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

DOCS = Path(__file__).parent
ROOT = DOCS.parent
# Files outside this folder that are pages of the site, each included by the page named here.
INCLUDED = {
    ROOT / "CHANGELOG.md": DOCS / "changelog.md",
    ROOT / "CONTRIBUTING.md": DOCS / "contributing.md",
    ROOT / "benchmarks" / "RESULTS.md": DOCS / "results.md",
    ROOT / "README.md": DOCS / "index.md",
}
LINK = re.compile(r"\]\((?!\w+:)([^)#\s]+)")
LIGHT_PICTURE = re.compile(r"!\[(.*?)\]\((.*?)-light\.png\)")

project = "CodeFace for Jupyter"
version = release = runpy.run_path(str(ROOT / "codeface_jupyter" / "version.py"))["__version__"]

extensions = ["myst_parser"]
# For the one Git hosts show in this folder.
exclude_patterns = ["README.md"]
myst_enable_extensions = ["attrs_inline"]
# Anchors as Git hosts make them, so that links work there and here.
myst_heading_anchors = 4
highlight_language = "none"
# IPython's magics stand in cells of Python, which Pygments' lexer for Python cannot read.
suppress_warnings = ["misc.highlighting_failure"]

html_theme = "pydata_sphinx_theme"
html_title = project
html_copy_source = html_use_index = False
html_theme_options = {"navbar_align": "left", "show_toc_level": 2}


def setup(app: Sphinx) -> None:
    """Have links and pictures prepared before the pages are read."""
    app.connect("source-read", prepare_page)
    app.connect("include-read", prepare_included)


def prepare_page(_app: Sphinx, docname: str, source: list[str]) -> None:
    """Prepare a page's text, the only item of ``source``."""
    folder = (DOCS / docname).parent
    linked = with_site_links(source[0], base=folder, page_folder=folder)
    source[0] = LIGHT_PICTURE.sub(
        r"![\1](\2-light.png){.only-light} ![\1](\2-dark.png){.only-dark}", linked
    )


def prepare_included(_app: Sphinx, path: Path, _docname: str, content: list[str]) -> None:
    """Prepare an included file's text, the only item of ``content``."""
    base = (DOCS / path).resolve().parent
    content[0] = with_site_links(content[0], base=base, page_folder=DOCS)


def with_site_links(text: str, *, base: Path, page_folder: Path) -> str:
    """Return ``text`` with the links that are relative to ``base`` made relative to its page.

    A link to an included file becomes one to its page, and a link to a folder one to the
    folder's own page.
    """

    def link(match: re.Match[str]) -> str:
        target = (base / match[1]).resolve()
        if not target.exists():
            return match[0]
        page = INCLUDED.get(target, target / "README.md" if target.is_dir() else target)
        return f"]({os.path.relpath(page, page_folder)}"

    return LINK.sub(link, text)
