"""The messages between the kernel and the front end.

A comm carries plain JSON objects. Each names the protocol's version and its type:

``notification``
    A method and its payload; there is no answer.
``request``
    The same with an id: one ``response`` or ``error`` with that id follows, unless the
    comm closes first. A ``cancel`` with the id says that the answer is no longer wanted.
    From the kernel, ``partial`` may bring the result so far.
``error``
    Without an id, it is about a message that has no answer.

The methods and what they carry are declared below; a new one changes nothing else of
the front end's room. All that comes from the front end is checked before anything else
reads it. ``labextension/src/protocol.ts`` is the other half; ``tests/data/protocol``
holds the examples that both are tested on.

The kernel opens a comm to `HELLO_TARGET` when the extension is loaded. A front
end that knows the target answers by opening a comm to `NOTEBOOK_TARGET`, and
everything else goes through that one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, NotRequired, TypeVar

from pydantic import AfterValidator, Field, StringConstraints, TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic cannot read typing's own before 3.12

from codeface_jupyter.errors import ProtocolError

__all__ = [
    "CELLS",
    "COMPLETE",
    "CONTINUE_ANSWER",
    "FOLLOW_UP",
    "GET_CELLS",
    "GET_MODELS",
    "GET_STATS",
    "HELLO_TARGET",
    "LOAD_MODEL",
    "MAX_CELLS",
    "MAX_CELL_CHARACTERS",
    "MAX_CELL_ERRORS",
    "MAX_COMPLETION_LINES",
    "MAX_ERROR_CHARACTERS",
    "MAX_ID_CHARACTERS",
    "MAX_NOTEBOOK_CHARACTERS",
    "MAX_QUESTION_CHARACTERS",
    "MAX_TRACEBACK_CHARACTERS",
    "NOTEBOOK_TARGET",
    "PROTOCOL_VERSION",
    "READ_AHEAD",
    "SETTINGS",
    "STATUS",
    "STOP",
    "TRY_AGAIN",
    "UNLOAD_MODEL",
    "USE_MODEL",
    "WARM_UP",
    "AnswerQuestion",
    "AnswerReference",
    "AnswerUpdate",
    "CancelMessage",
    "Cell",
    "CellError",
    "CellsWanted",
    "Completion",
    "CompletionWanted",
    "ErrorMessage",
    "FrontEndMessage",
    "FrontEndSettings",
    "HelloMessage",
    "KernelMessage",
    "LoadProgress",
    "ModelChoices",
    "ModelWanted",
    "NotebookCells",
    "Nothing",
    "Notification",
    "NotificationMessage",
    "OfferedModel",
    "PartialMessage",
    "Payload",
    "Request",
    "RequestMessage",
    "ResponseMessage",
    "Silence",
    "Stats",
    "Status",
    "StopWanted",
    "WarmedUp",
    "parse_front_end_message",
    "parse_payload",
]

PROTOCOL_VERSION = 2
HELLO_TARGET = "codeface.hello"
NOTEBOOK_TARGET = "codeface.notebook"

# A notebook beyond these is cut by the front end; a message beyond them is refused.
MAX_CELLS = 5_000
MAX_CELL_CHARACTERS = 50_000
MAX_NOTEBOOK_CHARACTERS = 1_000_000
# Of each part of an error. Only cells near the asking one bring theirs.
MAX_TRACEBACK_CHARACTERS = 8_000
MAX_CELL_ERRORS = 10
# Of a completion: more are never shown.
MAX_COMPLETION_LINES = 50
# Of what is asked about an answer.
MAX_QUESTION_CHARACTERS = 20_000
# Whoever sends an error cuts it.
MAX_ERROR_CHARACTERS = 4_000

# Of ids and methods.
MAX_ID_CHARACTERS = 512

Identifier = Annotated[str, Field(min_length=1, max_length=MAX_ID_CHARACTERS)]
# `strict` keeps True from passing for 1.
Version = Annotated[int, Field(ge=PROTOCOL_VERSION, le=PROTOCOL_VERSION, strict=True)]
Name = Annotated[str, Field(min_length=1, max_length=1_000)]
Count = Annotated[int, Field(ge=0, strict=True)]
Source = Annotated[str, Field(max_length=MAX_CELL_CHARACTERS)]
Silence = Literal["", "unloaded", "unsuited", "busy", "on_battery"]
# Objects only, so that a later release can add a field to any of them.
Payload = dict[str, Any]

P = TypeVar("P", bound=Mapping[str, object])
R = TypeVar("R", bound=Mapping[str, object])


@dataclass(frozen=True, eq=False)
class Notification(Generic[P]):
    """A method without an answer.

    Parameters
    ----------
    method
        Its name in messages.
    payload
        What it carries.
    """

    method: str
    payload: TypeAdapter[P]


@dataclass(frozen=True, eq=False)
class Request(Generic[P, R]):
    """A method that gets one response.

    Parameters
    ----------
    method
        Its name in messages.
    payload
        What it carries.
    result
        What the response carries, and each partial one before it.
    """

    method: str
    payload: TypeAdapter[P]
    result: TypeAdapter[R]


class Nothing(TypedDict):
    """The payload or the result of a method that needs none."""


class CellError(TypedDict):
    """The error that a cell's output shows: its traceback as plain text."""

    ename: Annotated[str, Field(max_length=MAX_TRACEBACK_CHARACTERS)]
    evalue: Annotated[str, Field(max_length=MAX_TRACEBACK_CHARACTERS)]
    traceback: Annotated[str, Field(max_length=MAX_TRACEBACK_CHARACTERS)]


class Cell(TypedDict):
    """One cell of the notebook, as it stands in the editor.

    A source longer than `MAX_CELL_CHARACTERS` comes cut, with ``is_cut`` set.
    """

    id: Identifier
    type: Literal["code", "markdown", "raw"]
    source: Source
    execution_count: Count | None
    is_cut: bool
    error: NotRequired[CellError]


def _check_cells(cells: list[Cell]) -> list[Cell]:
    size = sum(len(cell["source"]) for cell in cells)
    if sum("error" in cell for cell in cells) > MAX_CELL_ERRORS:
        raise ValueError(f"at most {MAX_CELL_ERRORS} cells may bring an error")
    if size > MAX_NOTEBOOK_CHARACTERS:
        raise ValueError(f"{size:,} characters; at most {MAX_NOTEBOOK_CHARACTERS:,} are taken")
    if len({cell["id"] for cell in cells}) < len(cells):
        raise ValueError("two cells have the same id")
    return cells


class FrontEndSettings(TypedDict, total=False):
    """The settings of the front end that the kernel acts on; a missing one is not set."""

    context_cells: Count | None
    background_load: bool
    model: Name | None
    engine: Name | None
    temperature: Annotated[float, Field(ge=0, le=2, strict=True)] | None
    base_url: Name | None
    ask_in_run_all: bool


class NotebookCells(TypedDict):
    """The cells of a notebook, and the one that runs or asks.

    ``is_run_all`` says that it runs with others that nobody selected, ``ask_in_run_all`` and
    ``answers`` what the notebook's own metadata says of those settings.
    """

    path: Annotated[str, Field(max_length=4_096)]
    asking: Identifier | None
    cells: Annotated[list[Cell], Field(max_length=MAX_CELLS), AfterValidator(_check_cells)]
    is_run_all: NotRequired[bool]
    ask_in_run_all: NotRequired[bool | None]
    answers: NotRequired[Literal["code", "hints"] | None]


class CellsWanted(TypedDict):
    """Which cell wants to know its notebook."""

    asking: str | None


class StopWanted(TypedDict):
    """Which answers are to end: those of a cell, what is asked under an answer, or all."""

    cell_id: NotRequired[Identifier | None]
    answer_id: NotRequired[Identifier | None]


def _check_sources(sources: list[str]) -> list[str]:
    size = sum(map(len, sources))
    if size > MAX_NOTEBOOK_CHARACTERS:
        raise ValueError(f"{size:,} characters; at most {MAX_NOTEBOOK_CHARACTERS:,} are taken")
    return sources


class CompletionWanted(TypedDict):
    """Where the cursor stands in a code cell, and under which terms a completion is wanted.

    ``above`` are the sources of the code cells above, in their order: as many of the nearest
    as matter. ``prefix`` and ``suffix`` are the cell before and after the cursor.
    ``is_asked_for`` says that the user pressed a key for it: then it is not held back for
    being unlikely, and strings and comments are completed too.
    """

    above: Annotated[list[Source], Field(max_length=MAX_CELLS), AfterValidator(_check_sources)]
    prefix: Source
    suffix: Source
    max_lines: Annotated[int, Field(ge=1, le=MAX_COMPLETION_LINES, strict=True)]
    is_asked_for: bool
    while_busy: bool
    on_battery: bool


class Completion(TypedDict):
    """A completion: what goes in at the cursor, or why there is none.

    ``silence`` is empty, too, where the model has nothing to offer. ``unloaded``: no model is
    in memory. ``unsuited``: the one that is, or its engine, cannot complete code. ``busy``: a
    cell of the user's runs. ``on_battery``: the machine has no mains.
    """

    text: str
    silence: Silence


class WarmedUp(TypedDict):
    """Why nothing was read, as in `Completion`; ``silence`` is empty if it was."""

    silence: Silence


class AnswerReference(TypedDict):
    """An answer, by the ``answer_id`` of its `saved_output.ResultData`."""

    answer_id: Identifier


class AnswerQuestion(TypedDict):
    """What is asked about an answer."""

    answer_id: Identifier
    question: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_QUESTION_CHARACTERS),
    ]


class AnswerUpdate(TypedDict):
    """An answer so far: its Markdown, and a line on what is being done.

    At its end ``bundle`` is the lasting output, by MIME types; None if nothing has come that
    is to be shown.
    """

    text: str
    status: str
    bundle: dict[str, Any] | None


class Stats(TypedDict):
    """The session's figures, as they are to be shown."""

    text: str


class OfferedModel(TypedDict):
    """A model that may be chosen: ``facts`` say in a line what it takes and how good it is here."""

    name: str
    facts: str
    is_here: bool
    fits: bool


class ModelChoices(TypedDict):
    """The models and engines that may be chosen, and those that are.

    ``auto`` says what ``model = "auto"`` comes to here; ``is_loaded`` that a model is in memory;
    ``completion_problem`` why the model that is named for completions makes none.
    """

    model: str
    engine: str
    auto: str
    is_loaded: bool
    completion_problem: NotRequired[str]
    engines: list[str]
    models: list[OfferedModel]


class ModelWanted(TypedDict):
    """Which model and engine are to answer from now on."""

    model: Name
    engine: Name


class LoadProgress(TypedDict):
    """How far a load has come, in a line; empty once it is done."""

    text: str


class Status(TypedDict):
    """What the session is doing."""

    model: str
    engine: str
    state: Literal["idle", "loading", "generating"]
    tokens_per_s: float | None


class KnownAnswers(TypedDict):
    """The answers that can be asked about, tried again and continued."""

    answer_ids: list[Identifier]


_NOTHING = TypeAdapter(Nothing)
_NOTEBOOK_CELLS = TypeAdapter(NotebookCells)
_ANSWER_UPDATE = TypeAdapter(AnswerUpdate)
_COMPLETION_WANTED = TypeAdapter(CompletionWanted)

# From the front end.
CELLS = Notification("cells", _NOTEBOOK_CELLS)
"""The cells, pushed right before one of them runs."""
SETTINGS = Notification("settings", TypeAdapter(FrontEndSettings))
"""The front end's settings, at first and when they change."""
STOP = Notification("stop", TypeAdapter(StopWanted))
"""End the answers that are being generated."""
COMPLETE = Request("complete", _COMPLETION_WANTED, TypeAdapter(Completion))
"""Complete code at the cursor; a newer one ends an older one."""
WARM_UP = Request("warm_up", _COMPLETION_WANTED, TypeAdapter(WarmedUp))
"""Read what a completion at the cursor would need, since the cell has got the focus."""
READ_AHEAD = Request("read_ahead", _NOTEBOOK_CELLS, TypeAdapter(WarmedUp))
"""Read the prompt of a question that is yet to be asked; ``busy`` is not now."""
TRY_AGAIN = Request("try_again", TypeAdapter(AnswerReference), _ANSWER_UPDATE)
"""Answer the question of an answer in another way."""
FOLLOW_UP = Request("follow_up", TypeAdapter(AnswerQuestion), _ANSWER_UPDATE)
"""Answer a question about an answer."""
CONTINUE_ANSWER = Request("continue_answer", TypeAdapter(AnswerReference), _ANSWER_UPDATE)
"""Go on with an answer that was cut off; the whole text results."""
GET_STATS = Request("get_stats", _NOTHING, TypeAdapter(Stats))
"""Give the session's figures."""

GET_MODELS = Request("get_models", _NOTHING, TypeAdapter(ModelChoices))
"""Give the models and engines that may be chosen; the first time the machine is measured."""
USE_MODEL = Request("use_model", TypeAdapter(ModelWanted), _NOTHING)
"""Choose a model and an engine for this session."""
LOAD_MODEL = Request("load_model", _NOTHING, TypeAdapter(LoadProgress))
"""Load the model that is chosen, fetching it first if it is not here."""
UNLOAD_MODEL = Request("unload_model", _NOTHING, _NOTHING)
"""Free the model's memory."""

# From the kernel.
GET_CELLS = Request("get_cells", TypeAdapter(CellsWanted), _NOTEBOOK_CELLS)
"""Give the cells as they are now."""
STATUS = Notification("status", TypeAdapter(Status))
"""The session's state has changed."""
ANSWERS = Notification("answers", TypeAdapter(KnownAnswers))
"""Which answers this kernel knows, at first and when they change."""


class OpenMessage(TypedDict):
    """Front end to kernel, with the comm's opening: a notebook is here."""

    version: Version
    type: Literal["open"]


class HelloMessage(TypedDict):
    """Kernel to front end, with the comm's opening: the extension is loaded in this kernel."""

    version: Version
    type: Literal["hello"]
    package_version: str


class NotificationMessage(TypedDict):
    """A message without an answer."""

    version: Version
    type: Literal["notification"]
    method: Identifier
    payload: Payload


class RequestMessage(TypedDict):
    """Something that one `ResponseMessage` or one `ErrorMessage` answers."""

    version: Version
    type: Literal["request"]
    request_id: Identifier
    method: Identifier
    payload: Payload


class CancelMessage(TypedDict):
    """The sender no longer wants the answer to its request."""

    version: Version
    type: Literal["cancel"]
    request_id: Identifier


class PartialMessage(TypedDict):
    """Kernel to front end: the result of a request so far."""

    version: Version
    type: Literal["partial"]
    request_id: Identifier
    result: Payload


class ResponseMessage(TypedDict):
    """The result of a request."""

    version: Version
    type: Literal["response"]
    request_id: Identifier
    result: Payload


class ErrorMessage(TypedDict):
    """A request that failed, or without an id, another message that could not be used."""

    version: Version
    type: Literal["error"]
    request_id: Identifier | None
    message: Annotated[str, Field(max_length=MAX_ERROR_CHARACTERS)]


FrontEndMessage = (
    OpenMessage
    | NotificationMessage
    | RequestMessage
    | CancelMessage
    | ResponseMessage
    | ErrorMessage
)
KernelMessage = (
    HelloMessage
    | NotificationMessage
    | RequestMessage
    | CancelMessage
    | PartialMessage
    | ResponseMessage
    | ErrorMessage
)


_FRONT_END_MESSAGES: TypeAdapter[FrontEndMessage] = TypeAdapter(
    Annotated[FrontEndMessage, Field(discriminator="type")]
)

T = TypeVar("T")


def parse_front_end_message(data: object) -> FrontEndMessage:
    """Check a message from the front end; fields that are not known are left out.

    Payloads and results are checked by `parse_payload`, once their method is known.

    Raises
    ------
    ProtocolError
        If the version is not ours, or a field is missing, of a wrong type, or
        over its limit.
    """
    version = data.get("version") if isinstance(data, dict) else None
    if version != PROTOCOL_VERSION:
        raise ProtocolError(
            f"The front end speaks version {version!r:.50} of the protocol, "
            f"the kernel version {PROTOCOL_VERSION}.",
            hint="Install the same codeface-jupyter for JupyterLab and in the kernel, "
            "then reload the page.",
        )
    return _validated(_FRONT_END_MESSAGES, data, name="message")


def parse_payload(adapter: TypeAdapter[T], data: Payload, *, method: str) -> T:
    """Check a method's payload or result; fields that are not known are left out.

    Raises
    ------
    ProtocolError
        If a field is missing, of a wrong type, or over its limit.
    """
    return _validated(adapter, data, name=method)


def _validated(adapter: TypeAdapter[T], data: object, *, name: str) -> T:
    try:
        return adapter.validate_python(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, (name, *first["loc"])))
        raise ProtocolError(f"{where:.100}: {first['msg']:.300}.") from None
