"""Have IPython load the extension by itself: a file of its own in a profile's startup folder."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

from rich.markup import escape

from codeface_jupyter.cli.console import new_console
from codeface_jupyter.errors import ConfigError

__all__ = ["add_profile_commands"]

# What add_subparsers returns has no public name.
_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - see above

FILE_NAME = "50-codeface.py"
MARK = "# Written by `codeface enable`; `codeface disable` removes it."
# IPython runs it among the user's names, so it makes none.
CODE = f"""{MARK}
if __import__("importlib.util", fromlist=["util"]).find_spec("codeface_jupyter"):
    get_ipython().extension_manager.load_extension("codeface_jupyter")
"""


def add_profile_commands(commands: _Commands) -> None:
    """Add ``enable`` and ``disable`` to the command line."""
    _add(commands, "enable", _show_enabled, "have IPython load the magics, without %%load_ext")
    _add(commands, "disable", _show_disabled, "undo what enable did")


def _add(
    commands: _Commands, name: str, run: Callable[[argparse.Namespace], None], summary: str
) -> None:
    command = commands.add_parser(name, help=summary)
    profile = "the IPython profile (default: %(default)s)"
    command.add_argument("--profile", default="default", metavar="NAME", help=profile)
    command.set_defaults(run=run)


def _show_enabled(options: argparse.Namespace) -> None:
    file = _enable(options.profile)
    _print("Kernels and terminals that start from now on have the magics.", f"Written: {file}")


def _show_disabled(options: argparse.Namespace) -> None:
    file = _disable(options.profile)
    _print(f"Removed: {file}" if file else "It was not enabled; there is nothing to undo.")


def _print(*lines: str) -> None:
    # Not wrapped, so that a path can be copied.
    new_console(soft_wrap=True).print(escape("\n".join(lines)))


def _enable(profile: str) -> Path:
    """Write the file into ``profile`` and return its path."""
    file = _startup_file(profile)
    _refuse_others(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(CODE, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {error.strerror}.") from error
    return file


def _disable(profile: str) -> Path | None:
    """Remove the file from ``profile`` and return its path, or None if there was none."""
    file = _startup_file(profile)
    if not file.exists():
        return None
    _refuse_others(file)
    try:
        file.unlink()
    except OSError as error:
        raise ConfigError(f"{file} cannot be removed: {error.strerror}.") from error
    # What `_enable` may have made; a folder with anything else in it stays.
    with suppress(OSError):
        file.parent.rmdir()
        file.parent.parent.rmdir()
    return file


def _startup_file(profile: str) -> Path:
    if not profile or Path(profile).name != profile:
        raise ConfigError(f"{profile!r} cannot be the name of an IPython profile.")
    folder = _ipython_folder()
    profile_folder = folder / f"profile_{profile}"
    # IPython makes the default profile by itself, and no other.
    if profile != "default" and not profile_folder.is_dir():
        raise ConfigError(
            f"There is no IPython profile {profile!r} in {folder}.",
            hint=f"Make it first: ipython profile create {profile}",
        )
    return profile_folder / "startup" / FILE_NAME


def _ipython_folder() -> Path:
    """Return IPython's folder, where a warning that it is another one is an error."""
    from IPython.paths import get_ipython_dir

    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        try:
            return Path(get_ipython_dir())
        except (OSError, UserWarning) as error:
            raise ConfigError(f"IPython's folder cannot be used: {error}") from error


def _refuse_others(file: Path) -> None:
    """Raise ConfigError if ``file`` is there and not ours."""
    try:
        is_other = file.exists() and not file.read_text(encoding="utf-8").startswith(MARK)
    except (OSError, UnicodeDecodeError):
        is_other = True
    if is_other:
        raise ConfigError(
            f"{file} was not written by CodeFace, so it is left as it is.",
            hint="Rename it, and try again.",
        )
