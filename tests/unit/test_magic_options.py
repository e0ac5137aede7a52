"""What is written after a magic's name: taken, or refused with what was perhaps meant."""

import pytest
from IPython.core.error import UsageError

from codeface_jupyter.config import Config
from codeface_jupyter.errors import ConfigError
from codeface_jupyter.magics.again import AgainMagics
from codeface_jupyter.magics.codeface import CodeFace
from codeface_jupyter.magics.explain import ExplainMagics
from codeface_jupyter.magics.fix_edit import FixEditMagics
from codeface_jupyter.magics.options import (
    OPTIONS,
    check_variable_name,
    parse,
    parse_name,
    parse_request,
    settings_overrides,
    split_first,
)

MAGIC = CodeFace.codeface
FIX = FixEditMagics.codeface_fix


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


@pytest.mark.parametrize("line", ["--help", "-h", "--help sort it", "-n 9 -h"])
def test_who_asks_for_help_is_told_what_shows_it(line):
    with pytest.raises(UsageError, match=r"has no option -.*: %codeface_fix\? shows its options"):
        parse(FIX, line)


def test_options_behind_a_name_are_refused():
    magic = ExplainMagics.codeface_explain
    assert parse_name(magic, "--brief results['--brief'][0]")[1] == "results['--brief'][0]"
    for line, option in [
        ("trips --brief", "--brief"),
        ("trips --unknown", "--unknown"),
        ("trips -n 9", "-n"),
    ]:
        with pytest.raises(UsageError, match=f"put {option} in front of it"):
            parse_name(magic, line)


@pytest.mark.parametrize(
    ("line", "option"),
    [
        ("plot sales --dry-run", "--dry-run"),
        ("plot sales --cells=3", "--cells"),
        ("-n 9 plot the driver's sales --no-cache", "--no-cache"),
        ("plot sales --dry-run -n 200", "--dry-run"),
        ("plot sales --seed 3 --dry-run", "--seed"),
        ("plot sales --files 'my file.txt'", "--files"),
    ],
)
def test_an_option_behind_the_words_is_refused_not_sent(line, option):
    with pytest.raises(UsageError, match=f"^{option} stands behind the words: put it in front"):
        parse_request(MAGIC, line)


@pytest.mark.parametrize(
    "words",
    [
        "what does '--dry-run' do?",
        'what is "git push --force" for',
        "what does `git push --force` do",
        "what does sort -n do here",
        "write a parser that takes --verbose",
        "add a --seed option to the parser",
        "the pandas equivalent of head -n 5",
        "how do I use python -m venv",
        "call pip install -e .",
        "x -- y",
        "is a -b less than c",
    ],
)
def test_what_only_looks_like_an_option_is_sent_as_text(words):
    assert parse_request(MAGIC, f"-n 9 {words}")[1] == words


def test_behind_two_dashes_all_is_text():
    for words in ("plot sales --dry-run", "--dry-run", "plot sales -b"):
        args, text = parse_request(MAGIC, f"-n 9 -- {words}")
        assert (text, args.dry_run, args.background) == (words, False, False)


def test_only_a_magic_s_own_options_are_refused():
    magic = AgainMagics.codeface_again
    assert parse_request(magic, "without --force")[1] == "without --force"
    with pytest.raises(UsageError, match="--continue stands behind"):
        parse_request(magic, "please --continue")


@pytest.mark.parametrize(
    ("line", "number", "words", "is_dry"),
    [
        ("3", 3, "", False),
        ("3 --dry-run", 3, "", True),
        ("--dry-run 3 -n 9", 3, "", True),
        ("3 --dry-run 0 is right", 3, "0 is right", True),
        ("3 -n 9 -- --dry-run", 3, "--dry-run", False),
        ("3 decimals only", None, "3 decimals only", False),
        ("3 -1 is wrong", None, "3 -1 is wrong", False),
        ("-- 3 --dry-run", None, "3 --dry-run", False),
        ("--number 2 3", 2, "3", False),
    ],
)
def test_a_number_with_nothing_but_options_behind_it_names_a_cell(line, number, words, is_dry):
    args, text = parse_request(FIX, line, takes_number=True)
    assert (args.number, text, args.dry_run) == (number, words, is_dry)


@pytest.mark.parametrize("line", ["3 --dryrun", "--number 2 3 --dry-run", "3 zeros --dry-run"])
def test_a_number_does_not_make_other_options_text(line):
    with pytest.raises(UsageError, match=r"unrecognized option --dryrun|stands behind the words"):
        parse_request(FIX, line, takes_number=True)


@pytest.mark.parametrize(
    ("words", "first", "rest"),
    [
        ("questions", "questions", ""),
        ("questions -o answers", "questions", "-o answers"),
        ("df['question text'] -o answers", "df['question text']", "-o answers"),
        ('d["a b"]["c d"].e', 'd["a b"]["c d"].e', ""),
        ("df['question text", "df['question", "text"),
    ],
)
def test_quotes_keep_the_first_word_together(words, first, rest):
    assert split_first(words) == (first, rest)


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


@pytest.mark.parametrize(
    ("line", "sent"), [("", 3), ("--cells 2", 2), ("--cells none", 0), ("--cells all", None)]
)
def test_the_cells_of_a_call_are_its_own_whatever_is_set(line, sent, tmp_path):
    args, _ = parse(MAGIC, f"{line} sort it")
    config = Config(file=tmp_path / "none.toml")
    config.set(context_cells=3)
    settings = config.with_overrides(settings_overrides(args), options=OPTIONS)
    assert settings.context_cells == sent


def test_every_setting_that_an_option_overrides_goes_by_an_option_that_there_is():
    assert set(OPTIONS.values()) <= set(MAGIC.parser._option_string_actions)


@pytest.mark.parametrize(("name", "meant"), [("Javascrip", "javascript"), ("sqll", "sql")])
def test_a_misspelt_language_is_answered_with_the_one_that_was_meant(name, meant):
    with pytest.raises(UsageError, match=rf"no language {name}; did you mean {meant}\?"):
        parse(MAGIC, f"-l {name} sort it")


@pytest.mark.parametrize("name", ["python", "PY", "sql", "sqlite", "R", "julia", "perl6", "malloy"])
def test_a_language_may_be_any_that_a_model_may_know(name):
    assert parse(MAGIC, f"-l {name} sort it")[0].language == name


def test_tries_and_no_try_exclude_each_other():
    args, _ = parse(MAGIC, "--tries 3 --no-try sort it")
    with pytest.raises(UsageError, match="--no-try forbids it: give only one"):
        settings_overrides(args)


@pytest.mark.parametrize("name", ["print", "list", "None", "__name__"])
def test_a_result_does_not_take_a_name_of_python_s(name):
    with pytest.raises(UsageError, match=f"^-o {name}: "):
        check_variable_name(name)


def test_a_result_takes_any_other_name():
    check_variable_name("answer")
    check_variable_name(None)


@pytest.mark.parametrize(
    ("line", "refused"),
    [
        ("--language sql --tries 3", "--tries"),
        ("-l markdown --tries 3", "--tries"),
        ("--language sql --tries 1", ""),
        ("-l py --tries 3", ""),
        # Further answers may be sampled all the same.
        ("--temperature 0 --top-p 0.5", ""),
        ("-t 0.0 --top-k 5", ""),
    ],
)
def test_an_option_that_does_nothing_beside_another_is_refused(line, refused):
    args, _ = parse(MAGIC, f"{line} sort it")
    if not refused:
        settings_overrides(args)
        return
    with pytest.raises(UsageError, match=f"^{refused} "):
        settings_overrides(args)
