"""The base of the engines that run a model in this process: two states and a codec."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, Protocol, TypeVar

from codeface_jupyter.config import Settings
from codeface_jupyter.engines.text.prompt_codec import PromptCodec
from codeface_jupyter.jobs import Job
from codeface_jupyter.models.local_model import LocalModel
from codeface_jupyter.models.tokenizer_files import template_version
from codeface_jupyter.prompts import Prompt

__all__ = ["LocalEngine"]


class IsPrepared(Protocol):
    """What is known of a model before its weights are loaded."""

    @property
    def files(self) -> LocalModel:
        """Where its files are."""

    @property
    def codec(self) -> PromptCodec:
        """Turns prompts into token ids, and ids into text."""


PreparedT = TypeVar("PreparedT", bound=IsPrepared)
LoadedT = TypeVar("LoadedT")


class LocalEngine(ABC, Generic[PreparedT, LoadedT]):
    """An engine that first prepares a model's files, then loads its weights.

    Each of the two states is a value that is made once, by a method of the subclass, when
    it is first needed. What needs a state takes the value that `_prepare` or `_load` returns.

    Parameters
    ----------
    settings
        The model, and what to do if it does not fit.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._prepared: PreparedT | None = None
        self._loaded: LoadedT | None = None
        self._template_version: object = None

    @property
    def is_chat(self) -> bool:
        """Whether the tokenizer has a chat template; needs `prepare`."""
        return self._codec.is_chat

    @property
    def goes_on(self) -> bool:
        """Whether answers go on from the beginning that a prompt gives them."""
        return True

    @property
    def is_loaded(self) -> bool:
        """Whether the weights are in memory."""
        return self._loaded is not None

    @property
    def context_window(self) -> int | None:
        """How many tokens the model can see at once; None if that is not known, or not yet."""
        return self._prepared.codec.context_window if self._prepared is not None else None

    def prepare(self, job: Job) -> None:
        """Fetch the files, and read all of them but the weights.

        If the chat template has been written since, all of them are read anew, for which
        loaded weights are dropped: nothing tells that they are still those of the folder.

        Raises
        ------
        ModelNotFoundError
            If there is no such model, or it is not here and may not be fetched.
        FetchError
            If its files cannot be fetched.
        ModelFilesError
            If its files are broken or of a kind that the engine cannot run.
        EngineUnavailableError
            If the device or a package that the settings ask for is missing.
        """
        if self._prepared is not None and self._template_version != self._present_version():
            self.unload()
            self._prepared = None
        self._prepare(job)

    def load(self, job: Job) -> None:
        """Load the weights into memory.

        Raises
        ------
        NotEnoughMemoryError
            If they do not fit and ``force_load`` is off.
        ModelFilesError
            If they are broken or do not match the config.
        """
        self._load(job)

    def format_prompt(self, prompt: Prompt) -> str:
        """Lay ``prompt`` out by the chat template, or as a script for a base model."""
        return self._codec.format_prompt(prompt)

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens in ``text``, without special tokens."""
        return self._codec.count_tokens(text)

    @property
    def _codec(self) -> PromptCodec:
        if self._prepared is None:
            raise RuntimeError("Call the engine's prepare() before anything that needs tokens.")
        return self._prepared.codec

    def _prepare(self, job: Job) -> PreparedT:
        if self._prepared is None:
            self._prepared = self._read_files(job)
            self._template_version = self._present_version()
        return self._prepared

    def _present_version(self) -> object:
        return template_version(self._prepared.files.path) if self._prepared else None

    def _load(self, job: Job) -> LoadedT:
        if self._loaded is None:
            self._loaded = self._read_weights(self._prepare(job), job)
        return self._loaded

    @abstractmethod
    def unload(self) -> None:
        """Drop weights, keys and values and free their memory."""

    @abstractmethod
    def _read_files(self, job: Job) -> PreparedT:
        """Fetch the files, and read all of them but the weights."""

    @abstractmethod
    def _read_weights(self, prepared: PreparedT, job: Job) -> LoadedT:
        """Load the weights into memory."""
