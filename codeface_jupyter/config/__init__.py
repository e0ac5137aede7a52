"""Settings: what they are, what they may be, and where each value came from."""

from __future__ import annotations

from codeface_jupyter.config.engine_options import NOT_IN_RESPONSE_KEY, EngineOptions
from codeface_jupyter.config.layers import Config
from codeface_jupyter.config.settings import (
    AUTO_MODEL,
    SAME_MODEL,
    Settings,
    default_cache_dir,
    setting_fields,
    short_setting_fields,
)
from codeface_jupyter.config.sources import CONFIG_FILE_VARIABLE, default_config_file

__all__ = [
    "AUTO_MODEL",
    "CONFIG_FILE_VARIABLE",
    "NOT_IN_RESPONSE_KEY",
    "SAME_MODEL",
    "Config",
    "EngineOptions",
    "Settings",
    "default_cache_dir",
    "default_config_file",
    "setting_fields",
    "short_setting_fields",
]
