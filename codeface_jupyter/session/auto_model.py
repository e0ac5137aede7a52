"""Which model ``auto`` stands for in this session, settled once, and told once on a machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

from codeface_jupyter.config import AUTO_MODEL, Settings
from codeface_jupyter.config.permissions import NOTHING_MORE
from codeface_jupyter.engines.auto_model import choose_model, with_model
from codeface_jupyter.engines.current_engine import EngineKey, engine_key
from codeface_jupyter.generation import Remarked
from codeface_jupyter.jobs import Job
from codeface_jupyter.models.catalog import ModelEntry, find
from codeface_jupyter.models.fetch import is_here
from codeface_jupyter.models.local_model import ModelRequest
from codeface_jupyter.models.model_choice import ModelChoice
from codeface_jupyter.models.speed_records import SpeedRecords
from codeface_jupyter.threads import new_lock
from codeface_jupyter.trials.copy_support import asks_second

__all__ = ["AutoModel"]


class AutoModel:
    """Settles ``model = "auto"``, and stays with it: a change costs a load.

    It is chosen anew for another engine or other options, once the better model is here, when
    questions begin or cease to be read ahead, and when `forget` was called. What answers measure
    meanwhile counts in the next session.

    Attributes
    ----------
    choice
        The choice in use; None before the first.
    """

    def __init__(self) -> None:
        self.choice: ModelChoice | None = None
        self._key: tuple[EngineKey, bool] | None = None
        self._told: tuple[str, ...] = ()
        self._lock = new_lock()

    def settle(
        self,
        settings: Settings,
        *,
        held_bytes: int = 0,
        may_probe: bool = True,
        reads_ahead: bool = False,
    ) -> Settings:
        """Return ``settings`` with the model that answers, by its name.

        Parameters
        ----------
        settings
            As they are set, or as a call has them.
        held_bytes
            What the models in use hold: that memory is there for others.
        may_probe
            Whether the machine may be measured; without, the choice is not final.
        reads_ahead
            Whether questions are read while they are typed.
        """
        if settings.model != AUTO_MODEL:
            return settings
        # Who may not measure does not wait for a measurement either.
        guard: AbstractContextManager[object] = self._lock if may_probe else nullcontext()
        with guard:
            choice = self._choose(
                settings, held_bytes=held_bytes, may_probe=may_probe, reads_ahead=reads_ahead
            )
        return settings if choice is None else with_model(settings, choice.name)

    def foresee(
        self,
        settings: Settings,
        *,
        held_bytes: int = 0,
        reads_ahead: bool = False,
        anew: bool = False,
    ) -> ModelChoice | None:
        """Return the choice in use, unless ``anew``, or the one that would be made.

        A model in ``settings`` is left out of account.
        """
        asked = settings.model_copy(update={"model": AUTO_MODEL})
        with self._lock:
            is_in_use = self._key == (engine_key(asked), reads_ahead)
            if is_in_use and not anew and not self._has_come(asked):
                return self.choice
        return choose_model(asked, held_bytes=held_bytes, reads_ahead=reads_ahead)

    def tell(self, settings: Settings, job: Job) -> None:
        """Say what was chosen beside an answer, unless it was said before on this machine."""
        choice = self.choice
        if settings.model != AUTO_MODEL or choice is None:
            return
        names = tuple(_names(choice))
        if self._told == names:
            return
        self._told = names
        records = SpeedRecords(settings.cache_dir)
        if not records.has_told(names):
            records.remember_told(names)
            job.emit(Remarked(choice.describe(asks_second=asks_second(settings))))

    @property
    def is_here(self) -> bool:
        """Whether the files of the model that was chosen are on this machine."""
        return self.choice is not None and self.choice.taken.is_here

    def second(self, settings: Settings) -> Settings | None:
        """Return the settings of the model that is asked where an answer fails; None for none.

        A model that was named answers alone. What the user has allowed the one that answers is
        not allowed another, which is loaded unasked.

        Parameters
        ----------
        settings
            As the call has them, before they are settled.
        """
        choice = self.choice
        if settings.model != AUTO_MODEL or choice is None or choice.second is None:
            return None
        if not asks_second(settings):
            return None
        careful = {"auto_pull": False, "force_load": False}
        named = with_model(settings, choice.second.entry.name).model_copy(update=careful)
        return named.permitting(NOTHING_MORE)

    def better_than(self, name: str, settings: Settings) -> str:
        """Return a note on a model that fits here and is right more often; empty without one.

        Nothing is measured for it.
        """
        current = find(name)
        choice = self.choice or choose_model(settings, may_probe=False)
        if current is None or choice is None:
            return ""
        for candidate in (choice.wanted, choice.better):
            if candidate is not None and candidate.fits and _is_better(candidate.entry, current):
                better = candidate.entry.name
                return (
                    f"A better model fits here: `{better}`. Choose it in JupyterLab's status bar, "
                    f"or with `-m {better}`."
                )
        return ""

    def forget(self) -> None:
        """Choose anew at the next question."""
        with self._lock:
            self._key = None

    def _choose(
        self, settings: Settings, *, held_bytes: int, may_probe: bool, reads_ahead: bool
    ) -> ModelChoice | None:
        key = (engine_key(settings), reads_ahead)
        if self._key == key and not self._has_come(settings):
            return self.choice
        choice = choose_model(
            settings, may_probe=may_probe, held_bytes=held_bytes, reads_ahead=reads_ahead
        )
        if may_probe:
            self.choice, self._key = choice, key
        return choice

    def _has_come(self, settings: Settings) -> bool:
        """Whether the better model has been fetched since, perhaps by another process."""
        choice = self.choice
        if choice is None:
            return False
        others = [one for one in (choice.wanted, choice.better) if one is not choice.taken]
        return any(
            is_here(ModelRequest(one.entry.name, settings.cache_dir))
            for one in others
            if one is not None and not one.is_here
        )


def _names(choice: ModelChoice) -> Iterator[str]:
    """Yield the names of the models that answer, are wanted, and are asked after a failure."""
    for one in (choice.taken, choice.wanted, choice.second):
        yield "" if one is None else one.entry.name


def _is_better(entry: ModelEntry, current: ModelEntry) -> bool:
    """Whether a model is right more often than another, by the figures that all have."""
    known = (entry.right_answers.published, current.right_answers.published)
    return known[0] is not None and known[0] > (known[1] or 0.0)
