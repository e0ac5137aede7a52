"""The page of settings."""

import pytest

PLUGIN = "codeface-jupyter:plugin"
SAVED = f"() => window.jupyterapp.serviceManager.settings.fetch('{PLUGIN}').then(p => p.raw)"
RESET = f"() => window.jupyterapp.serviceManager.settings.save('{PLUGIN}', '{{}}')"


@pytest.fixture
def settings(notebook):
    """The page of our settings."""
    notebook.open("1")
    notebook.command("settingeditor:open", query="CodeFace")
    yield notebook.page
    notebook.page.evaluate(RESET)


@pytest.mark.parametrize(
    ("name", "known"), [("model", "qwen2.5-coder-0.5b"), ("engine", "transformers")]
)
def test_models_and_engines_are_offered_and_any_other_is_taken(settings, name, known):
    field = settings.locator(f"input[id$='plugin_{name}']")
    offered = field.evaluate("node => [...node.list.options].map(option => option.value)")
    assert {"auto", known} <= set(offered)

    field.fill("my/own")

    settings.wait_for_function(f"() => ({SAVED})().then(raw => raw.includes('my/own'))")
