"""The page in another language: a language pack in which every text stands in brackets."""

import json
import re
from pathlib import Path

import pytest
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

# One that JupyterLab knows, and has no pack for among what the tests install.
LOCALE = "eo"
PACK = f"jupyterlab_language_pack_{LOCALE}"
TEMPLATE = Path(__file__).parents[2] / "codeface_jupyter" / "locale" / "codeface_jupyter.pot"
# What a person reads or hears of the buttons, fields and labels within a node.
CONTROLS = """node => [...node.querySelectorAll('button, label, textarea, [role=group]')]
  .filter(part => part.offsetParent !== null)
  .flatMap(part => [
    part.tagName === 'BUTTON' ? part.textContent : '',
    part.title, part.ariaLabel ?? '', part.placeholder ?? ''
  ])
  .filter(text => text.trim())"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory, serve_lab):
    """A JupyterLab in the marked language."""
    root = tmp_path_factory.mktemp("translated-lab")
    write_language_pack(root / "packs")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTHONPATH", str(root / "packs"))
        with serve_lab(root, **{"translation-extension/plugin": {"locale": LOCALE}}) as server:
            yield server


def write_language_pack(folder):
    """Write a package that JupyterLab takes for a language pack, as pip would install it."""
    messages = folder / PACK / "locale" / LOCALE / "LC_MESSAGES"
    messages.mkdir(parents=True)
    (folder / PACK / "__init__.py").touch()
    info = folder / f"{PACK}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {PACK}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[jupyterlab.languagepack]\n{LOCALE} = {PACK}\n")
    with TEMPLATE.open("rb") as template:
        catalog = read_po(template, locale="en")
    texts = {
        "": {
            "domain": "codeface_jupyter",
            "language": LOCALE,
            "plural_forms": "nplurals=2; plural=(n != 1);",
            "version": "1.0",
        }
    }
    for message in filter(lambda message: message.id, catalog):
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        # A name stays as it is.
        marked = ids if message.context == "menu" else tuple(f"⟦{text}⟧" for text in ids)
        message.string = marked if len(marked) > 1 else marked[0]
        texts["\x04".join(filter(None, (message.context, ids[0])))] = list(marked)
    (messages / "codeface_jupyter.json").write_text(json.dumps(texts))
    with (messages / "codeface_jupyter.mo").open("wb") as compiled:
        write_mo(compiled, catalog)


def untranslated(locator):
    """Return the texts of a node's controls that have letters outside of brackets."""
    texts = locator.evaluate(CONTROLS)
    assert texts
    return [text for text in texts if re.search(r"[^\W\d_]", re.sub("⟦.*⟧", "", text, flags=re.S))]


def test_an_answer_an_error_and_the_status_speak_the_page_s_language(notebook):
    notebook.open("%load_ext codeface_jupyter", "%%codeface\nadd two", "1 / 0").load()

    notebook.run(1)
    notebook.button(1, "⟦Insert below⟧").click()
    notebook.expect(1, "⟦Inserted below⟧")
    notebook.button(1, "⟦Follow up⟧").click()
    notebook.run(3)

    assert untranslated(notebook.output(1).locator(".jp-CodeFace-result")) == []
    assert untranslated(notebook.output(3).locator(".jp-CodeFace-errorActions")) == []
    status = notebook.page.locator(".jp-CodeFace-status")
    assert "⟦idle⟧" in status.inner_text()
    assert "⟦Choose the CodeFace model⟧" in status.get_attribute("title")


def test_commands_and_dialogs_do(notebook):
    notebook.open("%load_ext codeface_jupyter", "").load()
    labels = notebook.page.evaluate(
        "() => { const { commands } = window.jupyterapp; return commands.listCommands()"
        ".filter(id => id.startsWith('codeface:')).flatMap("
        "id => [commands.label(id), commands.caption(id)]).filter(Boolean) }"
    )
    assert labels
    assert [label for label in labels if not re.fullmatch("⟦.*⟧", label)] == []

    dialog = notebook.page.locator(".jp-Dialog-content")
    for command in ("codeface:ask-below", "codeface:choose-model"):
        notebook.command(command)
        dialog.wait_for()
        assert untranslated(dialog) == []
        assert re.fullmatch("⟦.*⟧", dialog.locator(".jp-Dialog-header").inner_text())
        notebook.page.keyboard.press("Escape")
        dialog.wait_for(state="detached")


def test_the_page_of_settings_does(notebook):
    page = notebook.open("1").page
    notebook.command("settingeditor:open", query="CodeFace")
    form = page.locator(".jp-SettingsForm")
    form.get_by_text("⟦Ghost text⟧").wait_for()

    titles = form.locator(".jp-FormGroup-fieldLabel, .jp-FormGroup-description")
    shown = [text for text in titles.all_inner_texts() if text.strip()]
    assert len(shown) > 20
    assert [text for text in shown if not re.fullmatch("⟦.*⟧", text)] == []
    assert page.locator(".jp-Dialog").count() == 0
