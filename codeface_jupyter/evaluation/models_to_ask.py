"""Which models an evaluation asks, and with what settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from codeface_jupyter.config import Config, Settings
from codeface_jupyter.engines.auto_model import runs_catalog, settled
from codeface_jupyter.errors import ModelNotFoundError
from codeface_jupyter.models.catalog import CATALOG
from codeface_jupyter.models.fetch import is_here
from codeface_jupyter.models.local_model import ModelRequest

__all__ = ["models_to_ask"]


def models_to_ask(
    names: Sequence[str], *, config: Config, cache_dir: Path | None = None
) -> dict[str, Mapping[str, object]]:
    """Return the settings to ask each model with, by its name.

    Parameters
    ----------
    names
        As the user wrote them; none is every model of the catalog that is here, or the
        configured one if there is none, or if the configured engine runs none of them.
    config
        What is set.
    cache_dir
        Where model files are, in place of what is set.

    Raises
    ------
    ModelNotFoundError
        If one of them is not here, and would be run here.
    """
    settings = config.with_overrides({"cache_dir": cache_dir})
    runs_here = runs_catalog(settings)
    if not names:
        names = (_all_here(settings) if runs_here else []) or [settings.model]
    requests = [_request(name, config, cache_dir) for name in names]
    if runs_here:
        for request in requests:
            _check_that_it_is_here(request)
    return {request.name: _settings_for(request, settings) for request in requests}


def _request(name: str, config: Config, cache_dir: Path | None) -> ModelRequest:
    """Return the model that a name stands for; for auto, the best that runs well here."""
    settings = config.with_overrides({"model": name, "cache_dir": cache_dir})
    model = settled(settings, will_fetch=True).model
    return ModelRequest.named(model, config=config, cache_dir=cache_dir)


def _all_here(settings: Settings) -> list[str]:
    return [name for name in CATALOG if is_here(ModelRequest(name, settings.cache_dir))]


def _check_that_it_is_here(request: ModelRequest) -> None:
    if not is_here(request):
        raise ModelNotFoundError(
            f"{request.name} is not on this machine.", hint=f"codeface pull {request.name}"
        )


def _settings_for(request: ModelRequest, settings: Settings) -> dict[str, object]:
    """Return what is set for one model; it is asked anew each time, and nothing is fetched."""
    # The notebook runs in another folder.
    path = request.path
    return {
        "model": str(path.absolute()) if path is not None else request.name,
        "cache_dir": settings.cache_dir.absolute(),
        "response_cache": "off",
        "request_log": None,
        "auto_pull": False,
        "background_load": False,
    }
