"""What is written after a magic's name: taken, or refused with what was perhaps meant."""

import pytest
from IPython.core.error import UsageError

from codeface_jupyter.config import Config
from codeface_jupyter.errors import ConfigError
from codeface_jupyter.magics.codeface import CodeFace
from codeface_jupyter.magics.options import (
    OPTIONS,
    parse,
    refuse_options_behind,
    settings_overrides,
)

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


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--tries 99", "--tries 99: expected at most 32."),
        ("-n few", "--max-new-tokens few: expected a whole number."),
        ("--top-p 'very high'", "--top-p 'very high': expected a number."),
        ("--cells -1", "--cells -1: expected at least 0."),
        ("--insert below", "--insert below: expected 'button', 'next', 'replace' or 'none'."),
    ],
)
def test_a_value_that_is_refused_is_named_with_its_option(line, said, tmp_path):
    args, _ = parse(MAGIC, f"{line} sort it")
    config = Config(file=tmp_path / "none.toml")
    with pytest.raises(ConfigError) as caught:
        config.with_overrides(settings_overrides(args), options=OPTIONS)
    assert caught.value.message == said
    assert caught.value.hint.startswith(said.split(maxsplit=1)[0] + ": ")


def test_every_setting_that_an_option_overrides_goes_by_an_option_that_there_is():
    assert set(OPTIONS.values()) <= set(MAGIC.parser._option_string_actions)
