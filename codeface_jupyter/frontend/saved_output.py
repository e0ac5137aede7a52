"""What answers leave in notebooks: outputs of MIME types of their own, as JSON.

Each holds its version, since what is saved outlives the release that wrote it.
``labextension/src/protocol.ts`` is the other half.
"""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict  # pydantic cannot read typing's own before 3.12

__all__ = [
    "BATCH_MIME",
    "BATCH_VERSION",
    "MAX_ALTERNATIVES",
    "MAX_FINDINGS",
    "MAX_FINDING_EDITS",
    "MAX_MESSAGE_CHARACTERS",
    "RESULT_MIME",
    "RESULT_VERSION",
    "STREAM_MIME",
    "STREAM_VERSION",
    "BatchAnswer",
    "BatchData",
    "EarlierAnswer",
    "HiddenLines",
    "ResultAlternative",
    "ResultBlock",
    "ResultData",
    "ResultEdit",
    "ResultFinding",
    "ResultOutcome",
    "ResultRewrite",
    "StreamData",
]

RESULT_MIME = "application/vnd.codeface.result.v1+json"
RESULT_VERSION = 1
# The answers of a batch.
BATCH_MIME = "application/vnd.codeface.batch.v1+json"
BATCH_VERSION = 1
# An answer that still comes.
STREAM_MIME = "application/vnd.codeface.stream.v1+json"
STREAM_VERSION = 1

# More of them help nobody. A message is of one line.
MAX_FINDINGS = 50
MAX_ALTERNATIVES = 4
MAX_FINDING_EDITS = 200
MAX_MESSAGE_CHARACTERS = 500


class ResultBlock(TypedDict):
    """One code block of an answer and the cell that it would become.

    ``source`` is ``code`` with the cell magic that its language needs.
    """

    language: str
    code: str
    cell_type: Literal["code", "markdown"]
    source: str
    is_closed: bool


class ResultEdit(TypedDict):
    """A change of a block: its characters ``start`` up to ``end`` become ``replacement``.

    A character is a code point, of which JavaScript counts some as two.
    """

    block: int
    start: int
    end: int
    replacement: str


class ResultFinding(TypedDict):
    """Something that does not fit the notebook, in a ``line``, from 1, of a ``block``, from 0.

    The front end adds ``is_applied`` once its ``edits`` are made; they are then those that
    undo it.
    """

    kind: str
    message: str
    block: int
    line: int
    edits: list[ResultEdit]
    is_applied: NotRequired[bool]


class ResultOutcome(TypedDict):
    """What an answer's code did on a copy of the kernel.

    ``line`` says it in a sentence, code between backticks, ``ending`` whether it ran; what the
    cell would show is ``text``, the table of ``header`` and ``rows``, the whole of it if
    ``is_whole``, or ``png``, a picture as base64. All of them may be empty. If ``is_answer``,
    that is what was asked for, and stands open above the code; if ``is_unsure``, several answers
    were tried and none did the same.
    """

    line: str
    ending: Literal["ran", "raised", "refused", "timed out", "died"]
    text: str
    header: list[str]
    rows: list[list[str]]
    is_whole: bool
    png: str
    is_answer: bool
    is_unsure: bool


class ResultAlternative(TypedDict):
    """Another answer that ran and did something else: its code, the cell, what it did.

    It may take the place of the cell that is rewritten if ``obstacle`` is empty; else that
    says why not.
    """

    code: str
    source: str
    outcome: ResultOutcome | None
    obstacle: str


class HiddenLines(TypedDict):
    """``count`` lines of a cell that nobody is shown, and the line that stands for them."""

    mark: str
    count: int


class ResultRewrite(TypedDict):
    """What the cell to be rewritten was, with marks in the place of ``hidden`` lines.

    The only block is the whole new cell. It may take the old one's place if
    ``is_offered``, and if the cell is still what it was; the lines that the marks stand
    for are taken from there. What ``only_repeats`` other cells is of no use below it either.
    """

    before: str
    hidden: list[HiddenLines]
    is_offered: bool
    only_repeats: bool


class EarlierAnswer(TypedDict):
    """An answer that another one has taken the place of: its `ResultData`, and its text."""

    data: dict[str, object]
    markdown: str
    plain: str


class ResultData(TypedDict):
    """The lasting output of an answer, under `RESULT_MIME`.

    ``text`` is Markdown with one fence for each of ``blocks``, in the same order, among
    others for folded thoughts;
    ``footer`` says in a line which model answered and what it cost; an answer that
    rewrites another cell than the asking one names it in ``replaces_cell_id``, and says in
    ``rewrite`` what it was.
    ``answer_id`` is what requests about the answer call it; None where no page can make any.
    ``question`` is what was asked about the answer before, and ``earlier`` what was answered
    to the same question, the newest first.
    ``blocks`` are as they are offered; ``notes`` say what was changed in them. Code in a
    sentence is between backticks; everything else in it is literal.
    """

    version: int
    text: str
    blocks: list[ResultBlock]
    finish_reason: Literal["stop", "length", "cancelled", "error"]
    footer: str
    cell_id: str | None
    replaces_cell_id: str | None
    rewrite: NotRequired[ResultRewrite | None]
    prompt: str
    insert: Literal["button", "next", "replace", "none"]
    record: dict[str, object]
    answer_id: str | None
    notes: list[str]
    findings: list[ResultFinding]
    outcome: ResultOutcome | None
    alternatives: list[ResultAlternative]
    question: NotRequired[str | None]
    earlier: NotRequired[list[EarlierAnswer]]


class BatchAnswer(TypedDict):
    """One answer of a batch, folded under its ``title``.

    ``error`` is what it failed with, or empty; ``head`` is the Markdown of both, up to where the
    answer begins. ``bundle`` is the answer's own lasting output, `ResultData` and its text; None
    if nothing came.
    """

    title: str
    error: str
    head: str
    bundle: dict[str, object] | None


class BatchData(TypedDict):
    """The lasting output of a batch, under `BATCH_MIME`: a table in Markdown, and the answers."""

    version: int
    table: str
    answers: list[BatchAnswer]


class StreamData(TypedDict):
    """The output of an answer that still comes, under `STREAM_MIME`.

    ``model_id`` is the widget that shows it while its kernel lives; ``display_id`` is what the
    changes of the output go by, which a page needs where the cell is moved; ``text`` is the
    Markdown of what has come, for whoever opens a notebook that was saved meanwhile.
    """

    version: int
    model_id: str
    display_id: str
    cell_id: str | None
    text: str
