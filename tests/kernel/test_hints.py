"""A notebook that gives hints instead of code, as its metadata or a setting says."""

import pytest

ASK = "%%codeface\nadd a column"
HOW_TO_ASK = "Ask for the steps, or for one of them."
NUMBER_OF_BLOCKS = "len(_codeface.code_blocks)"


@pytest.fixture
def hints(scripted):
    scripted.run("%config CodeFace.answers = 'hints'")
    yield scripted
    scripted.run("%config CodeFace.answers = 'code'")


def test_by_a_setting_answers_have_no_code(hints):
    hints.run(ASK)

    # The script has one sentence, which announces its code.
    assert hints.value("_codeface.text") == "The model answered with code only. " + HOW_TO_ASK
    assert hints.value(NUMBER_OF_BLOCKS) == 0


def test_the_notebooks_metadata_asks_for_it(scripted, kernel_page):
    page = kernel_page.open_comm(on_subshell=False)
    cell = {"id": "q", "type": "code", "source": ASK, "execution_count": None, "is_cut": False}
    page.push([cell], asking="q", answers="hints")
    scripted.run(ASK, cell_id="q")
    assert scripted.value(NUMBER_OF_BLOCKS) == 0

    page.push([cell], asking="q", answers=None)
    scripted.run(ASK, cell_id="q")
    assert scripted.value(NUMBER_OF_BLOCKS) == 1
    page.close_comm()


def test_the_model_is_told_so(hints):
    assert "Write no code" in str(hints.run("%codeface --dry-run add a column").bundles)


def test_a_cell_that_is_to_be_fixed_is_not_replaced(hints):
    hints.run("values = [1, 2]\nvalues[5]")
    run = hints.run("%codeface_fix")

    assert run.reply["status"] == "ok", run.of_type("error")
    assert hints.value(NUMBER_OF_BLOCKS) == 0


def test_tests_are_refused_in_words(hints):
    hints.run("def double(x):\n    return 2 * x")

    assert "hints only" in hints.run("%codeface_test double").reply["evalue"]


def test_nothing_that_follows_brings_code_either(hints):
    hints.run("values = [1, 2]\nvalues[5]")
    for line in (
        "%codeface --no-cache add a column",
        "%codeface_again",
        "%codeface_again and now the code",
        "%codeface_explain values\n%codeface_again and now the code",
        "%codeface_edit --number 1 add a column",
    ):
        run = hints.run(line)
        assert run.reply["status"] == "ok", run.of_type("error")
        assert hints.value(NUMBER_OF_BLOCKS) == 0, line
        assert "print(" not in str(run.bundles[-1]), line


def test_no_request_of_a_batch_brings_code(hints):
    hints.run("%%codeface_batch\nadd a column\nadd a row")

    assert hints.value("[item.code for item in _codeface_batch]") == ["", ""]


def test_an_answer_from_before_is_not_gone_on_with_in_code(scripted):
    scripted.run(ASK)
    assert scripted.value(NUMBER_OF_BLOCKS) == 1
    scripted.run("%config CodeFace.answers = 'hints'")
    try:
        scripted.run("%codeface_again")
        assert scripted.value(NUMBER_OF_BLOCKS) == 0
        scripted.run(ASK)
        assert scripted.value(NUMBER_OF_BLOCKS) == 0
    finally:
        scripted.run("%config CodeFace.answers = 'code'")
