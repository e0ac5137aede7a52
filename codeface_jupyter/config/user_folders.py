"""The user's own folders, and what stands in for them where the user has no home."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import platformdirs

from codeface_jupyter.errors import ConfigError

__all__ = ["missing_home", "user_cache_folder", "user_config_folder"]

NAME = "codeface-jupyter"


def user_cache_folder() -> Path:
    """Return the folder for model files of this user."""
    return _of_user(platformdirs.user_cache_dir) or _stand_in()


def user_config_folder() -> Path:
    """Return the folder of this user's config file, aliases and templates."""
    return _of_user(platformdirs.user_config_dir) or _stand_in()


def missing_home() -> ConfigError | None:
    """Return what to say where model files are kept in a temporary folder; None where not.

    Not to be raised: a container that runs as a user without a home works all the same.
    """
    if os.environ.get("CODEFACE_CACHE_DIR") or _of_user(platformdirs.user_cache_dir) is not None:
        return None
    return ConfigError(
        "There is no home folder: HOME is not set, and the system knows none of this user. "
        f"Models and settings are kept in {_stand_in()}.",
        hint="Set HOME, or CODEFACE_CACHE_DIR, CODEFACE_CONFIG and HF_HOME to places that last.",
    )


def _of_user(find: Callable[..., str]) -> Path | None:
    """Return one of the user's folders; None if the user has no home that it could be in."""
    try:
        folder = Path(find(NAME, appauthor=False))
    except RuntimeError:
        return None
    # Earlier versions of platformdirs leave the sign for the home as it is.
    return None if folder.parts[0].startswith("~") else folder


@lru_cache(maxsize=1)
def _stand_in() -> Path:
    """Return a temporary folder that this user alone can write to, the same next time if it can be.

    What is in it is loaded as a model: nobody else may have put it there.
    """
    try:
        if sys.platform != "win32":
            folder = Path(tempfile.gettempdir()) / f"{NAME}-{os.getuid()}"
            with suppress(FileExistsError):
                folder.mkdir(mode=0o700)
            about = folder.lstat()
            if stat.S_ISDIR(about.st_mode) and about.st_uid == os.getuid():
                folder.chmod(0o700)
                return folder
        return Path(tempfile.mkdtemp(prefix=f"{NAME}-"))
    except OSError:
        # Nothing can be written anywhere, which is told when something is to be.
        return Path(os.sep, "nowhere", NAME)
