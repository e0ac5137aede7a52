"""What is written after a magic's name: taken, or refused with what was perhaps meant."""

import pytest
from IPython.core.error import UsageError

from codeface_jupyter.magics.codeface import CodeFace
from codeface_jupyter.magics.options import parse, refuse_options_behind

MAGIC = CodeFace.codeface


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("--temprature 0.2 sort it", "--temperature"),
        ("--max-tokens=9 sort it", "--max-new-tokens"),
        ("--modell qwen sort it", "--model"),
        ("--no_cache sort it", "--no-cache"),
        ("--dryrun sort it", "--dry-run"),
    ],
)
def test_a_misspelt_option_is_answered_with_the_one_that_was_meant(line, meant):
    with pytest.raises(UsageError, match=rf"did you mean {meant}\?"):
        parse(MAGIC, line)


@pytest.mark.parametrize("line", ["--frobnicate it", "-y it"])
def test_an_option_like_no_other_is_refused_without_a_guess(line):
    with pytest.raises(UsageError, match="unrecognized option -") as caught:
        parse(MAGIC, line)
    assert "did you mean" not in str(caught.value)


def test_options_behind_what_they_are_for_are_refused():
    refuse_options_behind("results['best'][0]")
    with pytest.raises(UsageError, match="put --brief in front of it"):
        refuse_options_behind("trips --brief")
