"""The errors that CodeFace raises on purpose, and how they look in a notebook.

::

    CodeFaceError
    ├── ConfigError                 a setting's name, type or value is not allowed
    ├── ModelError
    │   ├── ModelNotFoundError      no such model here, in the catalog or on the hub
    │   │   └── ModelNotFetchedError  it is not here, and is not to be fetched
    │   ├── FetchError              the files could not be fetched to this machine
    │   │   └── DigestMismatchError a file is not the one that was published
    │   ├── ModelFilesError         a folder's files are broken, unsafe or of the wrong kind
    │   └── NotEnoughMemoryError    the model needs more than the machine has
    ├── EngineError
    │   ├── EngineUnavailableError  an engine, or a package it needs, is not installed
    │   ├── PromptTooLongError      the prompt does not fit the model's window
    │   └── GenerationError         the engine failed while it answered
    ├── ResponseCacheError          the shared response cache cannot be used
    ├── MetricsError                metrics cannot be served, pushed or exported
    └── NotebookError
        ├── NothingToDoError        a cell has nothing to do: no error, it only says so
        │   └── NotAskedError       a request is not to be asked in Run All
        ├── UnknownNameError        a name that is not defined in the notebook
        └── ProtocolError           a message from the front end that cannot be used

Domain errors show as one line and a hint: a traceback through this package
would not help a notebook's user. All other errors keep their traceback. Wrong magic
syntax is IPython's own ``UsageError``, raised by the magics.
"""

from __future__ import annotations

from collections.abc import Sequence

from codeface_jupyter.well_formed import well_formed

__all__ = [
    "CodeFaceError",
    "ConfigError",
    "DigestMismatchError",
    "EngineError",
    "EngineUnavailableError",
    "FetchError",
    "GenerationError",
    "MetricsError",
    "ModelError",
    "ModelFilesError",
    "ModelNotFetchedError",
    "ModelNotFoundError",
    "NotAskedError",
    "NotEnoughMemoryError",
    "NotebookError",
    "NothingToDoError",
    "PromptTooLongError",
    "ProtocolError",
    "ResponseCacheError",
    "UnknownNameError",
    "first_line",
    "install_hint",
    "reason_of",
]

RED, RESET = "\x1b[31m", "\x1b[0m"


class CodeFaceError(Exception):
    """The base of every error a user is meant to read.

    Parameters
    ----------
    message
        What is wrong and what was expected, in one sentence.
    hint
        What to do next; shown on a line of its own.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        # What the kernel cannot encode it does not reply with, and the cell never ends.
        self.message = well_formed(message)
        self.hint = well_formed(hint)
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[object, ...]:
        # Subclasses take different arguments; the instance's dict restores all of them.
        return _restore, (type(self), self.args, self.__dict__)

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows instead of a traceback."""
        lines = [f"{RED}{type(self).__name__}{RESET}: {self.message}"]
        return [*lines, self.hint] if self.hint else lines


def install_hint(extra: str) -> str:
    """Return the command that installs one of this package's extras, for an error's hint."""
    return f'pip install "codeface-jupyter[{extra}]"'


def _restore(
    cls: type[CodeFaceError], args: tuple[object, ...], state: dict[str, object]
) -> CodeFaceError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


class ConfigError(CodeFaceError):
    """A setting has an unknown name, a wrong type or a value out of range."""


class ModelError(CodeFaceError):
    """A problem with a model's files."""


class ModelNotFoundError(ModelError):
    """No model of that name is in the catalog, on this machine or on the hub."""


class ModelNotFetchedError(ModelNotFoundError):
    """A model is not on this machine, and is not to be fetched.

    Parameters
    ----------
    model
        Its name.
    reason
        Why it is not fetched, in a few words.
    command
        What fetches it.
    """

    def __init__(
        self, model: str, *, reason: str = "auto_pull is off", command: str = "codeface pull"
    ) -> None:
        super().__init__(
            f"{model} is not on this machine, and {reason}.",
            hint=f"Fetch it first: {command} {model}",
        )
        self.model = model

    def in_dry_run(self) -> ModelNotFetchedError:
        """Return the error for a dry run, which fetches nothing whatever the settings say."""
        return ModelNotFetchedError(
            self.model, reason="a dry run fetches nothing", command="%codeface_models pull"
        )


class FetchError(ModelError):
    """A model's files could not be fetched to this machine."""


class DigestMismatchError(FetchError):
    """A downloaded file's digest is not the published one; the file was removed."""

    def __init__(self, file: str, *, expected: str, actual: str) -> None:
        super().__init__(
            f"{file} has the SHA-256 digest {actual[:16]}…, but {expected[:16]}… was published; "
            "the file was removed.",
            hint="Pull the model again; if it happens twice, do not trust the source.",
        )
        self.expected = expected
        self.actual = actual


class ModelFilesError(ModelError):
    """A model folder is incomplete, corrupt, unsafe or of a kind that cannot be run."""


class NotEnoughMemoryError(ModelError):
    """The model needs more memory than the machine has to give.

    Attributes
    ----------
    needed_bytes, available_bytes
        The estimate for weights and KV cache, and what is free, in bytes.
    """

    def __init__(
        self, message: str, *, needed_bytes: int, available_bytes: int, hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.needed_bytes = needed_bytes
        self.available_bytes = available_bytes


class EngineError(CodeFaceError):
    """A problem with the engine that runs a model."""


class EngineUnavailableError(EngineError):
    """An engine is unknown, or a package that it needs is missing."""


class PromptTooLongError(EngineError):
    """The prompt and the answer do not fit the model's context window."""

    def __init__(self, *, prompt_tokens: int, max_new_tokens: int, context_window: int) -> None:
        super().__init__(
            f"The prompt has {prompt_tokens:,} tokens and the answer may take {max_new_tokens:,}, "
            f"but the model's context window holds {context_window:,}.",
            hint="Send fewer cells (--cells N), shorten the request, or lower --max-new-tokens.",
        )
        self.prompt_tokens = prompt_tokens
        self.max_new_tokens = max_new_tokens
        self.context_window = context_window


class GenerationError(EngineError):
    """The engine failed while it answered; ``__cause__`` holds the reason."""


class ResponseCacheError(CodeFaceError):
    """The server that holds the shared response cache cannot be reached or refuses."""


class MetricsError(CodeFaceError):
    """The session's metrics cannot be served, pushed or exported."""


class NotebookError(CodeFaceError):
    """A problem with the notebook's own state."""


class NothingToDoError(NotebookError):
    """A cell has nothing to do, which is no reason to stop what follows: the cell says so."""


class NotAskedError(NothingToDoError):
    """A request was run with the whole notebook, but is to be asked by hand only."""


class UnknownNameError(NotebookError):
    """A name that is not defined in the notebook.

    Attributes
    ----------
    name, close_names
        The name asked for, and those in the notebook that resemble it.
    """

    def __init__(self, name: str, *, close_names: Sequence[str] = ()) -> None:
        hint = f"Did you mean {', '.join(close_names)}?" if close_names else ""
        super().__init__(f"{name!r} is not defined in this notebook.", hint=hint)
        self.name = name
        self.close_names = tuple(close_names)


class ProtocolError(NotebookError):
    """The front end sent a message that is malformed, too large or of another version."""


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, without a full stop, to quote in another.

    An error without a message is quoted by its type.
    """
    lines = str(error).strip().splitlines()
    return lines[0].strip().rstrip(".") if lines else type(error).__name__


def reason_of(error: Exception) -> str:
    """Return why a file cannot be used, for a message that names the file."""
    reason = error.strerror if isinstance(error, OSError) else ""
    return reason or first_line(error)
