"""Settings: what they are, what they may be, and where each value came from."""

from __future__ import annotations

from codeface_jupyter.config.settings import (
    CONFIG_FILE_VARIABLE,
    DEFAULT_MODEL,
    Config,
    Settings,
    default_cache_dir,
    default_config_file,
)

__all__ = [
    "CONFIG_FILE_VARIABLE",
    "DEFAULT_MODEL",
    "Config",
    "Settings",
    "default_cache_dir",
    "default_config_file",
]
