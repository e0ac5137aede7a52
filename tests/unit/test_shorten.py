import pytest

from codeface_jupyter.shorten import in_one_line, shorten, without_middle


@pytest.mark.parametrize(
    ("text", "shown"), [("", ""), ("four", "four"), ("fives", "fiv…"), ("two\nlines", "two…")]
)
def test_the_ellipsis_counts(text, shown):
    assert shorten(text, max_chars=4) == shown


def test_no_room_for_anything_but_the_ellipsis():
    assert shorten("text", max_chars=1) == shorten("text", max_chars=0) == "…"


def test_white_space_is_folded_before_the_cut():
    assert in_one_line("  def f():\n    pass\n", max_chars=13) == "def f(): pass"
    assert in_one_line("a\n\n\nlong word", max_chars=8) == "a long …"


@pytest.mark.parametrize(
    ("text", "max_chars", "shown"),
    [("", 0, ""), ("seventy", 7, "seventy"), ("eighteen", 7, "eig…een"), ("eighteen", 4, "ei…n")],
)
def test_the_end_of_a_text_without_its_middle_stays(text, max_chars, shown):
    assert without_middle(text, max_chars=max_chars) == shown
