"""What settings ask of torch, so that an engine without it must not ignore them."""

from __future__ import annotations

from collections.abc import Iterator

from codeface_jupyter.config import Settings
from codeface_jupyter.errors import ConfigError

__all__ = ["check_settings", "setting_problems"]


def setting_problems(settings: Settings, *, engine: str) -> Iterator[tuple[str, str]]:
    """Yield what ``settings`` ask for that ``engine`` cannot do, each with a hint."""
    # Another engine's option; since it was given to all engines, it must not be ignored.
    if (adapter := settings.given_options.get("adapter")) is not None:
        yield (
            f"adapter = {str(adapter)!r} cannot be applied by the {engine} engine",
            "Set engine = 'transformers', or use a model that was merged with the adapter.",
        )
    if settings.permissions.trust_remote_code:
        yield (
            f"--trust-remote-code allows a model's own code, which the {engine} engine never runs",
            "Leave the flag out, or use -e transformers.",
        )
    if settings.permissions.allow_pickle:
        yield (
            f"--allow-pickle allows pickled weights, which the {engine} engine never reads",
            "Leave the flag out, or use -e transformers.",
        )


def check_settings(settings: Settings, *, engine: str) -> None:
    """Refuse settings that ``engine`` would have to ignore.

    Raises
    ------
    ConfigError
        If the settings name an adapter, or allow code or pickled weights.
    """
    for problem, hint in setting_problems(settings, engine=engine):
        raise ConfigError(f"{problem}.", hint=hint)
