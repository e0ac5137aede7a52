"""A magic of ours that is misspelt: the near one is named under IPython's own error."""

import pytest


@pytest.mark.parametrize(
    ("cell", "meant"),
    [
        ("%codface_fix", "%codeface_fix"),
        ("%%codefce\nplot it", "%%codeface"),
        ("%codeface_model", "%codeface_models"),
        ("%%codeface_btach\na\nb", "%%codeface_batch"),
    ],
)
def test_the_near_magic_is_named(notebook, cell, meant):
    run = notebook.run(cell)

    assert run.reply["ename"] == "UsageError"
    assert run.text.splitlines()[-1] == f"Did you mean {meant}?"


@pytest.mark.parametrize(
    "cell", ["%code x", "%%tiem\n1", "raise ValueError('`%codface` not found.')"]
)
def test_of_others_nothing_is_said(notebook, cell):
    run = notebook.run(cell)

    assert run.reply["status"] == "error"
    assert "Did you mean" not in run.text


def test_nothing_is_left_after_unloading(own_kernel):
    own_kernel.run("%load_ext codeface_jupyter")
    own_kernel.run("%unload_ext codeface_jupyter")

    assert "Did you mean" not in own_kernel.run("%codface_fix").text
