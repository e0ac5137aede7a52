"""What somebody meets in the first minute: no %load_ext, ways to ask, what is said meanwhile."""

DRY_RUN = "%codeface --dry-run which cells"


def test_a_fresh_kernel_needs_no_load_ext_and_gets_the_cells_at_once(notebook):
    notebook.open("never_run = 3", DRY_RUN, "last = 1")

    notebook.run(1)

    shown = notebook.expect(1, "as they stand in the notebook")
    assert "never_run = 3" in shown
    # Nothing came between.
    notebook.run(2)
    assert notebook.evaluate(
        "p => p.content.widgets.map(c => c.model.sharedModel.execution_count)"
    ) == [None, 1, 2]


def test_a_restarted_kernel_needs_none_either(notebook):
    notebook.open("%%codeface\nprint one", DRY_RUN)
    notebook.run(0)
    notebook.button(0, "Insert below").wait_for()
    notebook.evaluate("p => p.sessionContext.restartKernel().then(() => null)")
    notebook.await_kernel()

    notebook.command("notebook:run-all-cells")

    notebook.expect(1, "as they stand in the notebook")


def test_a_kernel_without_the_package_has_a_line_that_says_so(notebook):
    notebook.open(
        "import importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name: None if name == 'codeface_jupyter' else find(name)",
        "%%codeface\nprint one",
    )

    notebook.run(0)
    notebook.start(1)

    notebook.expect(1, "not found")
    notebook.page.get_by_text("%pip install codeface-jupyter").first.wait_for()
