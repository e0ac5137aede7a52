"""The options of the magics, and how a line is split into options and words.

Only options at the beginning of the line are parsed: the rest is kept exactly as
the user wrote it, with its apostrophes, braces and backslashes.
"""

from __future__ import annotations

import argparse
import builtins
import keyword
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple, TypeVar

from IPython.core.error import UsageError
from IPython.core.magic_arguments import MagicArgumentParser, argument

from codeface_jupyter.config.permissions import Permissions
from codeface_jupyter.prompts.code_blocks import (
    CELL_MAGICS,
    LANGUAGE_ALIASES,
    normalize_language,
)

__all__ = [
    "OPTIONS",
    "WHOLE_WORD",
    "ask_options",
    "check_variable_name",
    "context_options",
    "model_options",
    "output_options",
    "parse",
    "parse_name",
    "parse_nothing",
    "parse_request",
    "permissions",
    "result_options",
    "sampling_options",
    "settings_overrides",
    "split_first",
    "split_words",
    "target_options",
    "trial_options",
    "unquoted",
]

F = TypeVar("F", bound=Callable[..., Any])

PYTHON = "python"
# One shell-like word: quotes group, and nothing else is special.
WORD = re.compile(r"\s*((?:\"[^\"]*\"|'[^']*'|[^\s\"'])+)")
WHOLE_WORD = re.compile(rf"{WORD.pattern}(?!\S)")
# A number that stands alone, or with nothing but options behind it.
NUMBERED = re.compile(r"(\d+)(?:\s+(--?[A-Za-z].*))?", re.DOTALL)
# What is quoted in a sentence: an apostrophe within a word begins no quote.
QUOTED = re.compile(r"(?<!\w)(?:\"[^\"]*\"|'[^']*'|`[^`]*`)")

# Options that override the setting of the same name.
OVERRIDES = (
    "model",
    "engine",
    "max_new_tokens",
    "temperature",
    "top_p",
    "top_k",
    "seed",
    "tried_answers",
    "format",
    "insert",
)

# Words for numbers of cells. Empty is all that fit, whatever is set; None would be no override.
CELL_COUNTS: dict[str, object] = {"none": 0, "all": ""}

# A language that does not exist is taken for one that is so near to it.
CUTOFF = 0.8

# What other commands show their options by.
HELP = frozenset({"-h", "--help"})

# As users know those settings.
OPTIONS = {name: f"--{name.replace('_', '-')}" for name in OVERRIDES} | {
    "tried_answers": "--tries",
    "context_cells": "--cells",
}


def model_options(function: F) -> F:
    """Add the options that choose a model and an engine."""
    return _with(
        function,
        argument("-m", "--model", help="A catalog name, a hub id (owner/name) or a local folder."),
        argument("-e", "--engine", help="auto, or the name of an installed engine."),
        argument(
            "--force",
            action="store_true",
            help="Load a model that does not fit into memory, and offload the rest to disk.",
        ),
        argument(
            "--trust-remote-code",
            action="store_true",
            help="DANGER: run the Python files that come with the model, with all your rights.",
        ),
        argument(
            "--allow-pickle",
            action="store_true",
            help="DANGER: read pickled weights, which can carry malicious code.",
        ),
    )


def sampling_options(function: F) -> F:
    """Add the options that decide how the answer is generated."""
    return _with(
        function,
        argument("-n", "--max-new-tokens", help="The maximum length of the answer, in tokens."),
        argument("-t", "--temperature", help="0 is greedy; higher values, up to 2, vary more."),
        argument(
            "--top-p", help="Sample from the smallest set of tokens with this total probability."
        ),
        argument("--top-k", help="Sample from this many of the most likely tokens."),
        argument("--seed", help="The seed for sampling: the same seed gives the same answer."),
        argument(
            "--no-cache",
            action="store_true",
            help="Ask the model even if the response cache has the answer.",
        ),
    )


def trial_options(function: F) -> F:
    """Add the options that decide whether answers are tried before they are shown."""
    return _with(
        function,
        argument(
            "--tries",
            dest="tried_answers",
            metavar="N",
            help="Ask for N answers, try each, and show what most of them agree on.",
        ),
        argument(
            "--no-try",
            action="store_true",
            help="Do not run the answer's code on a copy of the kernel.",
        ),
    )


def result_options(function: F) -> F:
    """Add the options for the code's language and for keeping the result in a variable."""
    return _with(
        function,
        argument(
            "-l", "--language", type=_language, default=PYTHON, help="The language of the code."
        ),
        argument("-o", "--output", metavar="NAME", help="Also keep the result in this variable."),
    )


def output_options(function: F) -> F:
    """Add the options that decide how the answer is shown and used."""
    return _with(
        function,
        result_options,
        argument("-f", "--format", help="How to show the answer: auto, code, markdown or text."),
        argument("--insert", help="What to do with the code: button, next, replace or none."),
        argument(
            "-b",
            "--background",
            action="store_true",
            help="Free the kernel at once, and answer while other cells run.",
        ),
    )


def context_options(function: F) -> F:
    """Add the options that decide what is sent to the model."""
    return _with(
        function,
        argument(
            "--cells",
            metavar="N",
            help="How many cells to send: a number for the nearest above, all for as many as fit, "
            "with those below, or none.",
        ),
        argument("--vars", metavar="A,B", help="Which variables to describe: names, or none."),
        argument(
            "--files",
            metavar="PATH",
            action="append",
            help="A text file whose relevant part is sent; may be repeated.",
        ),
        argument(
            "-T", "--template", metavar="NAME", help="The name of one of your own prompt templates."
        ),
        argument(
            "--dry-run",
            action="store_true",
            help="Show the exact prompt and its token count, without asking the model.",
        ),
    )


def target_options(function: F) -> F:
    """Add the options that say which cell a magic is about."""
    return _with(
        function,
        argument("--number", metavar="N", type=_cell_number, help="The cell that ran as In [N]."),
        argument("--id", metavar="ID", help="The cell with this id in the notebook."),
    )


def _cell_number(text: str) -> int:
    if not text.isdecimal():
        raise UsageError(f"--number {text}: expected the number in a cell's prompt.")
    return int(text)


def ask_options(function: F) -> F:
    """Add every option of a question."""
    return _with(
        function, context_options, output_options, sampling_options, trial_options, model_options
    )


def _with(function: F, *decorators: Callable[[F], F]) -> F:
    """Apply decorators so that the help lists the options in the order given."""
    for decorate in reversed(decorators):
        function = decorate(function)
    return function


def parse(magic: Any, line: str) -> tuple[argparse.Namespace, str]:
    """Split ``line`` into the options at its beginning and the user's words.

    Parameters
    ----------
    magic
        The magic method, decorated with ``magic_arguments``.
    line
        The text after the magic's name.

    Returns
    -------
    The parsed options, and the rest of the line as typed.

    Raises
    ------
    UsageError
        If an option is unknown, or lacks its value.
    """
    parts = _split_options(magic, line)
    return magic.parser.parse_args(parts.options), parts.words


def parse_request(
    magic: Any, line: str, *, takes_number: bool = False
) -> tuple[argparse.Namespace, str]:
    """Split ``line`` as `parse` does, and refuse options that stand behind the words.

    There they would silently be sent as text. What follows ``--`` is text, whatever it looks like.

    Parameters
    ----------
    magic, line
        As for `parse`.
    takes_number
        Whether a number stands for ``--number`` if nothing or only options follow it.

    Raises
    ------
    UsageError
        As for `parse`, or if there is such an option.
    """
    parts = _split_options(magic, line)
    args = magic.parser.parse_args(parts.options)
    if parts.is_all_text:
        return args, parts.words
    numbered = NUMBERED.fullmatch(parts.words) if takes_number else None
    if numbered and args.number is None and args.id is None:
        before = line.strip().removesuffix(parts.words)
        return parse_request(magic, f"{before} --number {numbered[1]} {numbered[2] or ''}")
    if option := _option_behind(magic, parts.words):
        raise UsageError(
            f"{option} stands behind the words: put it in front of them, or write -- before "
            "them to send it as text."
        )
    return args, parts.words


def parse_name(magic: Any, line: str) -> tuple[argparse.Namespace, str]:
    """Split ``line`` as `parse` does, where the words are the name of something.

    Raises
    ------
    UsageError
        As for `parse`, or if an option stands behind the name.
    """
    args, name = parse(magic, line)
    takes_value = _takes_value(magic)
    words = _unquoted_words(name)
    if option := next((w for w in words if w.startswith("--") or w in takes_value), ""):
        raise UsageError(f"Options go before the name: put {option} in front of it.")
    return args, name


def split_words(line: str) -> list[str]:
    """Split ``line`` into words; quotes group, and nothing else is special."""
    return [unquoted(match[1]) for match in WORD.finditer(line)]


def unquoted(word: str) -> str:
    """Return a word without the quotes that group parts of it."""
    return re.sub(r"\"([^\"]*)\"|'([^']*)'", lambda m: m[1] if m[1] is not None else m[2], word)


def split_first(words: str) -> tuple[str, str]:
    """Split off the first word; quotes group, and stay, as in ``df['a column']``."""
    first = WHOLE_WORD.match(words)
    end = first.end() if first else len(words.split(maxsplit=1)[0])
    return words[:end], words[end:].strip()


def parse_nothing(name: str, line: str) -> None:
    """Refuse arguments for a magic that takes none."""
    if line.strip():
        raise UsageError(f"%{name} takes no arguments, but got {line.strip()!r}.")


def settings_overrides(args: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that a magic's options override; None where not given.

    Raises
    ------
    UsageError
        If two options exclude each other, or one does nothing beside another.
    """
    overrides = {name: getattr(args, name, None) for name in OVERRIDES}
    _check_that_all_count(args, overrides)
    if getattr(args, "force", False):
        overrides["force_load"] = True
    if getattr(args, "no_try", False):
        if overrides["tried_answers"] is not None:
            raise UsageError("--tries N has answers tried, and --no-try forbids it: give only one.")
        overrides["tries"] = "off"
    cells = getattr(args, "cells", None)
    if cells is not None:
        overrides["context_cells"] = CELL_COUNTS.get(cells, cells)
    return overrides


def _check_that_all_count(args: argparse.Namespace, overrides: Mapping[str, Any]) -> None:
    language = normalize_language(getattr(args, "language", PYTHON))
    is_several = overrides["tried_answers"] not in {None, "1"}
    if is_several and language != PYTHON:
        raise UsageError(f"--tries N runs what is Python, not {language}: leave it out.")


def permissions(args: argparse.Namespace) -> Permissions:
    """Return what a magic's options allow, in this call only, and warn about it."""
    allowed = Permissions(
        trust_remote_code=getattr(args, "trust_remote_code", False),
        allow_pickle=getattr(args, "allow_pickle", False),
    )
    sys.stderr.write("".join(f"Warning: {text}\n" for text in allowed.warnings()))
    return allowed


def check_variable_name(name: str | None) -> None:
    """Refuse a name for ``-o`` that no variable can have, or that hides what Python defines."""
    if name is None:
        return
    if not name.isidentifier() or keyword.iskeyword(name):
        raise UsageError(f"-o {name}: expected the name of a variable.")
    if name in vars(builtins):
        raise UsageError(f"-o {name}: Python itself uses this name; choose another one.")


def _language(name: str) -> str:
    """Return the name of a language, unless it is one of the usual ones, misspelt."""
    from pygments.lexers import get_all_lexers

    exist = {alias for _, aliases, *_ in get_all_lexers(plugins=False) for alias in aliases}
    ours = {*LANGUAGE_ALIASES, *CELL_MAGICS, PYTHON}
    if name.lower() not in exist | ours:
        near = get_close_matches(name.lower(), sorted(ours), n=1, cutoff=CUTOFF)
        if near:
            raise argparse.ArgumentTypeError(f"no language {name}; did you mean {near[0]}?")
    return name


class _Parts(NamedTuple):
    """The options of a line, and its words, which are nothing but text behind ``--``."""

    options: list[str]
    words: str
    is_all_text: bool = False


def _takes_value(magic: Any) -> dict[str, bool]:
    """Return the options of a magic, and whether each takes a value."""
    parser: MagicArgumentParser = magic.parser
    return {
        option: action.nargs != 0
        for action in parser._actions  # noqa: SLF001 - argparse offers no other way to list them
        for option in action.option_strings
    }


def _split_options(magic: Any, line: str) -> _Parts:
    takes_value = _takes_value(magic)
    options: list[str] = []
    position = 0
    while match := WORD.match(line, position):
        word = match[1]
        name, has_value, _ = word.partition("=")
        if word == "--":
            return _Parts(options, line[match.end() :].strip(), is_all_text=True)
        if name not in takes_value:
            break
        position = match.end()
        options.append(unquoted(word))
        if takes_value[name] and not has_value and (value := WORD.match(line, position)):
            options.append(unquoted(value[1]))
            position = value.end()
    rest = line[position:].strip()
    if re.match(r"--?[A-Za-z]", rest):
        raise UsageError(_unrecognized(rest.split()[0], takes_value, name=magic.__name__))
    return _Parts(options, rest)


def _option_behind(magic: Any, words: str) -> str:
    """Return the first of the magic's long options that end a line; empty if none do.

    In the middle of a sentence one is a word like others, and short ones are everywhere.
    """
    takes_value = _takes_value(magic)
    all_words = _unquoted_words(words)
    for number, word in enumerate(all_words):
        if word.startswith("--") and _are_options(all_words[number:], takes_value):
            return word.partition("=")[0]
    return ""


def _are_options(words: list[str], takes_value: Mapping[str, bool]) -> bool:
    """Whether words are options of a magic, each with its value, and nothing else."""
    left = list(reversed(words))
    while left:
        name, has_value, _ = left.pop().partition("=")
        if name not in takes_value:
            return False
        if takes_value[name] and not has_value and left:
            left.pop()
    return True


def _unquoted_words(words: str) -> list[str]:
    """Return the words of a sentence; those in quotes, and in Markdown's code, are one."""
    return QUOTED.sub('""', words).split()


def _unrecognized(word: str, known: Iterable[str], *, name: str) -> str:
    option = word.partition("=")[0]
    if option in HELP:
        return f"%{name} has no option {option}: %{name}? shows its options"
    # A single letter is near to every other one, and dashes make any two names alike.
    names = [name.removeprefix("--") for name in known if name.startswith("--")]
    is_long = option.startswith("--")
    close = get_close_matches(option.removeprefix("--"), names, n=1) if is_long else []
    meant = f"; did you mean --{close[0]}?" if close else ""
    return f"unrecognized option {option}{meant} (write -- before text that begins with a dash)"
