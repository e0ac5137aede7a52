"""What the kernel and the front end say to each other.

A comm carries plain JSON objects. Every message names the protocol's version
and its type, and what comes from the front end is checked before anything
else reads it. ``labextension/src/protocol.ts`` is the other half;
``tests/data/protocol`` holds the examples that both are tested on.

The kernel opens a comm to `HELLO_TARGET` when the extension is loaded. A front
end that knows the target answers by opening a comm to `NOTEBOOK_TARGET`, and
everything else goes through that one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic cannot read typing's own before 3.12

from codeface_jupyter.errors import ProtocolError

__all__ = [
    "HELLO_TARGET",
    "MAX_CELLS",
    "MAX_CELL_CHARACTERS",
    "MAX_NOTEBOOK_CHARACTERS",
    "NOTEBOOK_TARGET",
    "PROTOCOL_VERSION",
    "RESULT_MIME",
    "AskAgainMessage",
    "Cell",
    "CellsMessage",
    "CellsRequest",
    "ErrorMessage",
    "FrontEndMessage",
    "FrontEndSettings",
    "HelloMessage",
    "InsertMessage",
    "KernelMessage",
    "NotebookMessage",
    "NotebookSnapshot",
    "OpenMessage",
    "ResultBlock",
    "ResultData",
    "SettingsMessage",
    "StatsMessage",
    "StatsRequest",
    "StatusMessage",
    "StopMessage",
    "parse_front_end_message",
]

PROTOCOL_VERSION = 1
HELLO_TARGET = "codeface.hello"
NOTEBOOK_TARGET = "codeface.notebook"
RESULT_MIME = "application/vnd.codeface.result.v1+json"

# A notebook beyond these is cut by the front end; a message beyond them is refused.
MAX_CELLS = 5_000
MAX_CELL_CHARACTERS = 50_000
MAX_NOTEBOOK_CHARACTERS = 1_000_000

Identifier = Annotated[str, Field(min_length=1, max_length=512)]
# `strict` keeps True from passing for 1.
Version = Annotated[int, Field(ge=PROTOCOL_VERSION, le=PROTOCOL_VERSION, strict=True)]
Count = Annotated[int, Field(ge=0, strict=True)]


class Cell(TypedDict):
    """One cell of the notebook, as it stands in the editor.

    A source longer than `MAX_CELL_CHARACTERS` comes cut, with ``is_cut`` set.
    """

    id: Identifier
    type: Literal["code", "markdown", "raw"]
    source: Annotated[str, Field(max_length=MAX_CELL_CHARACTERS)]
    execution_count: Count | None
    is_cut: bool


def _check_cells(cells: list[Cell]) -> list[Cell]:
    size = sum(len(cell["source"]) for cell in cells)
    if size > MAX_NOTEBOOK_CHARACTERS:
        raise ValueError(f"{size:,} characters; at most {MAX_NOTEBOOK_CHARACTERS:,} are taken")
    if len({cell["id"] for cell in cells}) < len(cells):
        raise ValueError("two cells have the same id")
    return cells


class FrontEndSettings(TypedDict, total=False):
    """The settings of the front end that the kernel acts on; a missing one is not set."""

    context_cells: Count | None
    background_load: bool


class _Notebook(TypedDict):
    path: Annotated[str, Field(max_length=4_096)]
    asking: Identifier | None
    cells: Annotated[list[Cell], Field(max_length=MAX_CELLS), AfterValidator(_check_cells)]


class OpenMessage(TypedDict):
    """Front end to kernel, with the comm's opening: a notebook is here."""

    version: Version
    type: Literal["open"]
    settings: FrontEndSettings


class NotebookMessage(_Notebook):
    """Front end to kernel: the cells, pushed right before one of them runs."""

    version: Version
    type: Literal["notebook"]


class CellsMessage(_Notebook):
    """Front end to kernel: the cells, as an answer to `CellsRequest`."""

    version: Version
    type: Literal["cells"]
    request_id: Identifier


class StopMessage(TypedDict):
    """Front end to kernel: end the answer that is being generated."""

    version: Version
    type: Literal["stop"]


class AskAgainMessage(TypedDict):
    """Front end to kernel: ask the question of an answer once more, and replay nothing."""

    version: Version
    type: Literal["ask_again"]
    answer_id: Identifier


class SettingsMessage(TypedDict):
    """Front end to kernel: the settings have changed."""

    version: Version
    type: Literal["settings"]
    settings: FrontEndSettings


class StatsRequest(TypedDict):
    """Front end to kernel: send the session's figures."""

    version: Version
    type: Literal["get_stats"]
    request_id: Identifier


FrontEndMessage = (
    OpenMessage
    | NotebookMessage
    | CellsMessage
    | StopMessage
    | AskAgainMessage
    | SettingsMessage
    | StatsRequest
)


class HelloMessage(TypedDict):
    """Kernel to front end: the extension is loaded in this kernel."""

    version: int
    type: Literal["hello"]
    package_version: str


class CellsRequest(TypedDict):
    """Kernel to front end: send the cells as they are now."""

    version: int
    type: Literal["get_cells"]
    request_id: str
    asking: str | None


class InsertMessage(TypedDict):
    """Kernel to front end: put ``source`` below the cell that asked, or in its place."""

    version: int
    type: Literal["insert"]
    cell_id: str
    mode: Literal["below", "replace"]
    cell_type: Literal["code", "markdown"]
    source: str


class StatusMessage(TypedDict):
    """Kernel to front end: what the session is doing."""

    version: int
    type: Literal["status"]
    model: str
    engine: str
    state: Literal["idle", "loading", "generating"]
    tokens_per_s: float | None


class StatsMessage(TypedDict):
    """Kernel to front end: the session's figures, as the answer to `StatsRequest`."""

    version: int
    type: Literal["stats"]
    request_id: str
    text: str


class ErrorMessage(TypedDict):
    """Kernel to front end: a message could not be used."""

    version: int
    type: Literal["error"]
    message: str


KernelMessage = (
    HelloMessage | CellsRequest | InsertMessage | StatusMessage | StatsMessage | ErrorMessage
)


class ResultBlock(TypedDict):
    """One code block of an answer and the cell that it would become.

    ``source`` is ``code`` with the cell magic that its language needs.
    """

    language: str
    code: str
    cell_type: Literal["code", "markdown"]
    source: str
    is_closed: bool


class ResultData(TypedDict):
    """The lasting output of an answer, under `RESULT_MIME`.

    ``text`` is Markdown with one fence for each of ``blocks``, in the same order;
    ``footer`` says in a line which model answered and what it cost; an answer that
    rewrites another cell than the asking one names it in ``replaces_cell_id``.
    ``answer_id`` is what `AskAgainMessage` calls an answer that was replayed; else None.
    """

    version: int
    text: str
    blocks: list[ResultBlock]
    finish_reason: Literal["stop", "length", "cancelled", "error"]
    footer: str
    cell_id: str | None
    replaces_cell_id: str | None
    prompt: str
    insert: Literal["button", "next", "replace", "none"]
    record: dict[str, object]
    answer_id: str | None


@dataclass(frozen=True, kw_only=True)
class NotebookSnapshot:
    """The notebook's cells in document order, markdown cells included.

    Attributes
    ----------
    path
        The notebook's path on the server.
    asking
        The id of the cell that asked; always one of ``cells``.
    cells
        Every cell, also those below the asking one and those never run.
    executed
        The ids of the cells that this kernel has run with their present source.
    source
        ``"pulled"`` is the notebook as it is now, ``"pushed"`` as it was when
        the asking cell was sent off.
    """

    path: str
    asking: str
    cells: tuple[Cell, ...]
    executed: frozenset[str]
    source: Literal["pulled", "pushed"]

    @property
    def above(self) -> tuple[Cell, ...]:
        """The cells above the asking one."""
        return self.cells[: self._position]

    @property
    def below(self) -> tuple[Cell, ...]:
        """The cells below the asking one."""
        return self.cells[self._position + 1 :]

    @property
    def _position(self) -> int:
        return next(i for i, cell in enumerate(self.cells) if cell["id"] == self.asking)


_FRONT_END_MESSAGES: TypeAdapter[FrontEndMessage] = TypeAdapter(
    Annotated[FrontEndMessage, Field(discriminator="type")]
)


def parse_front_end_message(data: object) -> FrontEndMessage:
    """Check a message from the front end; fields that are not known are left out.

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
            hint="Install the same codeface-jupyter beside JupyterLab and in the kernel, "
            "then reload the page.",
        )
    try:
        return _FRONT_END_MESSAGES.validate_python(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "message"
        raise ProtocolError(f"{where}: {first['msg']}.") from None
