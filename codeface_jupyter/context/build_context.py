"""Choose from what the notebook offers what fits into one prompt, and report the choice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from codeface_jupyter.context.cells import (
    MAX_CELLS_LOOKED_AT,
    Cell,
    CellChoice,
    choose,
    clean,
    defined_names,
    nearest,
)
from codeface_jupyter.context.context import Context, Piece, PieceKind
from codeface_jupyter.context.error_info import ErrorInfo
from codeface_jupyter.context.files import GAP, relevant_part
from codeface_jupyter.context.limits import ContextLimits
from codeface_jupyter.context.parts import (
    BEGINNING,
    CUT,
    IN_PART,
    NO_FILE_ROOM,
    NO_ROOM,
    NO_VARIABLE_ROOM,
    Part,
)
from codeface_jupyter.context.request import SECRET_NOTE
from codeface_jupyter.context.sources import ContextSources
from codeface_jupyter.context.tokens import TokenCounter, cut_end, cut_middle
from codeface_jupyter.context.variables import choose_variables, describe_names
from codeface_jupyter.errors import NotebookError, PromptTooLongError
from codeface_jupyter.privacy import mask, redact
from codeface_jupyter.prompts import EDIT_EXAMPLES, EXAMPLES, Message, Prompt, fenced
from codeface_jupyter.shorten import in_one_line
from codeface_jupyter.syntax import identifiers
from codeface_jupyter.wording import counted

__all__ = ["build_context"]

# What one kind may take of the room that is left, when the window is tight.
SHARES: dict[PieceKind, float] = {"error": 0.5, "variable": 0.25, "file": 0.5, "history": 0.25}
MAX_TITLE_CHARS = 60
# Their requests quote code, of which the magics have left out lines already.
CODE_TASKS = frozenset({"edit", "explain", "test"})
PYTHON_SUFFIXES = (".py", ".pyi")
CELL_TOKENS_STEP = 64


def build_context(
    sources: ContextSources,
    *,
    limits: ContextLimits,
    count_tokens: Callable[[str], int],
    format_prompt: Callable[[Prompt], str],
    allow_values: bool = False,
    language: str = "python",
) -> Context:
    """Choose what goes into the prompt, within the model's window and the limits.

    Parameters
    ----------
    sources
        What the notebook offers.
    limits
        The budgets.
    count_tokens, format_prompt
        The engine's own; a `TokenCounter` that is kept between requests counts each text once.
    allow_values
        Whether sample values may be sent, not only names, types and shapes.
    language
        The language the answer's code is to be in.

    Raises
    ------
    NotebookError
        If the request is empty.
    PromptTooLongError
        If the request alone does not fit.
    UnknownNameError
        If ``sources.variables`` names something that is not in the notebook.
    """
    if not sources.request.strip():
        raise NotebookError("The request is empty.", hint="Say what the code should do.")
    counter = count_tokens if isinstance(count_tokens, TokenCounter) else TokenCounter(count_tokens)
    builder = _Builder(
        sources if allow_values else sources.without_values(),
        limits,
        count_tokens=counter,
        format_prompt=format_prompt,
        language=language,
    )
    builder.add_error(allow_values=allow_values)
    builder.add_variables(allow_values=allow_values)
    builder.add_files()
    builder.add_history()
    builder.add_cells()
    return builder.finish()


class _Builder:
    """Collects the parts of one prompt; each addition gets what is left of the window."""

    def __init__(
        self,
        sources: ContextSources,
        limits: ContextLimits,
        *,
        count_tokens: TokenCounter,
        format_prompt: Callable[[Prompt], str],
        language: str,
    ) -> None:
        request, self.secrets = mask(sources.request, is_code=sources.task in CODE_TASKS)
        looked_at = nearest(sources.cells, MAX_CELLS_LOOKED_AT)
        self.far_cells = len(sources.cells) - len(looked_at)
        self.sources = replace(sources, request=request, cells=looked_at)
        self.limits = limits
        self.count_tokens = count_tokens
        self.format_prompt = format_prompt
        self.language = language
        self.names = _names_in_request(self.sources)
        self.parts: dict[PieceKind, list[Part]] = {
            "history": [], "file": [], "variable": [], "error": []
        }  # fmt: skip
        self.exchanges: list[tuple[Message, ...]] = []
        self.choices: list[CellChoice] = []
        self._check_window()

    def _check_window(self) -> None:
        room = self.limits.max_prompt_tokens
        tokens = self.total_tokens()
        if room is not None and tokens > room:
            raise PromptTooLongError(
                prompt_tokens=tokens,
                max_new_tokens=self.limits.max_new_tokens,
                context_window=self.limits.context_window or 0,
            )

    def prompt(self) -> Prompt:
        """Return the prompt as it stands."""
        sections = [part.text for part in self.parts["file"] if part.text]
        variables = [part.text for part in self.parts["variable"] if part.text]
        if variables:
            sections.append("\n".join(["Variables:", *variables]))
        sections += [part.text for part in self.parts["error"] if part.text]
        return Prompt(
            request=self.sources.request,
            task=self.sources.task,
            instruction=self.sources.instruction,
            cells=tuple(choice.text for choice in self.choices if choice.text),
            history=tuple(message for exchange in self.exchanges for message in exchange),
            notes="\n\n".join(sections),
            language=self.language,
        )

    def total_tokens(self) -> int:
        """Return the exact number of tokens in the prompt as it stands."""
        return self.count_tokens(self.format_prompt(self.prompt()))

    def room(self, kind: PieceKind, limit: int) -> int:
        """Return the tokens that one kind of piece may take now."""
        most = self.limits.max_prompt_tokens
        if most is None:
            return limit
        return max(0, min(limit, int((most - self.total_tokens()) * SHARES[kind])))

    def add_error(self, *, allow_values: bool) -> None:
        """Add the failing cell, the user's own frames and the names on the failing line."""
        error = self.sources.error
        if error is None:
            return
        source, reason, language = self._failed_source(error)
        room = self.room("error", self._error_limit(source))
        what = f"{error.ename}: {error.evalue}".removesuffix(": ")
        names = describe_names(error.names, allow_values=allow_values)
        report, _ = mask("\n".join(filter(None, [error.traceback, what, error.causes, *names])))
        frame = _failure("x" if source else "", "x", language=language)
        room = max(0, room - self.count_tokens(frame))
        report = cut_end(report, max_tokens=room // 2, count_tokens=self.count_tokens)
        left = room - self.count_tokens(report)
        if self.count_tokens(source) > left:
            source = cut_middle(source, max_tokens=left, count_tokens=self.count_tokens)
            reason = "cut in the middle"
        part = Part("error", error.ename, reason=reason)
        if report:
            part.text = _failure(source, report, language=language)
            part.tokens = self.count_tokens(part.text)
        else:
            part.leave_out("the budget for errors is used up")
        self.parts["error"].append(part)

    def _failed_source(self, error: ErrorInfo) -> tuple[str, str, str]:
        """Return what is sent of the failed cell, what was left out, and its language."""
        rewrite = self.sources.rewrite
        if rewrite is None:
            return *clean(Cell(source=error.source)), "python"
        return rewrite.text, "a secret left out" if rewrite.hidden else "", rewrite.language

    def _error_limit(self, source: str) -> int:
        """Return the budget for the error; a cell that is to be rewritten is sent whole."""
        limit = self.limits.max_error_tokens
        if self.sources.rewrite is None:
            return limit
        return max(limit, self.count_tokens(source) + limit // 2)

    def add_variables(self, *, allow_values: bool) -> None:
        """Add variables, the ones that matter most first, while they fit."""
        room = self.room("variable", self.limits.max_variable_tokens)
        for choice in choose_variables(self.sources, names=self.names, allow_values=allow_values):
            part = Part("variable", choice.name, choice.text, reason=choice.reason)
            part.is_named = choice.is_named
            self._fit_lines(part, room)
            room -= part.tokens
            self.parts["variable"].append(part)

    def _fit_lines(self, part: Part, room: int) -> None:
        """Cut a variable's last lines, which matter least, until the others fit."""
        lines = part.text.splitlines()
        while lines:
            part.text = "\n".join(lines)
            part.tokens = self.count_tokens(f"{part.text}\n")
            if part.tokens <= room:
                return
            part.reason = CUT
            lines.pop()
        if part.text:
            part.leave_out(NO_VARIABLE_ROOM)

    def add_files(self) -> None:
        """Add the relevant part of each file, sharing the budget evenly."""
        words = set(identifiers(self.sources.request))
        room = self.room("file", self.limits.max_file_tokens)
        for number, file in enumerate(self.sources.files):
            share = room // (len(self.sources.files) - number)
            content, secrets = redact(file.text, is_code=file.path.endswith(PYTHON_SUFFIXES))
            frame = self.count_tokens(f"File {file.path}:\n{fenced('', '')}\n\n")
            text = relevant_part(
                content, words=words, max_tokens=share - frame, count_tokens=self.count_tokens
            )
            part = Part("file", file.path, is_named=True)
            if text:
                part.text = f"File {file.path}:\n{fenced(text, '')}"
                part.tokens = self.count_tokens(part.text)
                part.reason = _file_reason(text, content, secrets=secrets)
            else:
                part.reason = NO_FILE_ROOM if content.strip() else "empty"
            room -= part.tokens
            self.parts["file"].append(part)

    def add_history(self) -> None:
        """Add the latest exchanges that fit."""
        room = self.room("history", self.limits.max_history_tokens)
        is_full = False
        for said in reversed(_exchanges(self.sources.history)):
            masked = [mask(message["content"]) for message in said]
            exchange: tuple[Message, ...] = tuple(
                {"role": message["role"], "content": text}
                for message, (text, _) in zip(said, masked, strict=True)
            )
            secrets = [count for _, count in masked]
            part = Part("history", in_one_line(exchange[0]["content"], max_chars=MAX_TITLE_CHARS))
            tokens = sum(self.count_tokens(message["content"]) for message in exchange)
            is_full = is_full or tokens > room
            if is_full:
                part.reason = "the budget for the conversation is used up"
            else:
                part.text, part.tokens = exchange[0]["content"], tokens
                part.reason = "a secret hidden" if any(secrets) else ""
                self.exchanges.insert(0, exchange)
                room -= tokens
            self.parts["history"].insert(0, part)

    def add_cells(self) -> None:
        """Add the cells that fit the budget and the window."""
        self._choose_cells(self.limits.max_cell_tokens)

    def _choose_cells(self, max_tokens: int) -> None:
        max_tokens = max(0, max_tokens)
        cells = list(self.sources.cells)
        repeated = [cell for cell in cells if self._is_shown_with_error(cell)]
        cells = [cell for cell in cells if cell not in repeated]
        while True:
            self.choices = choose(
                cells,
                names=self.names,
                max_tokens=max_tokens,
                max_cells=self.limits.max_cells,
                count_tokens=self.count_tokens,
            )
            joined = "\n\n".join(choice.text for choice in self.choices if choice.text)
            excess = self.count_tokens(joined) - max_tokens
            if excess <= 0:
                break
            # A tokenizer may need more for the whole than for its parts.
            max_tokens = max(0, max_tokens - excess)
        for cell in repeated:
            shown = CellChoice(cell)
            shown.leave_out("shown with its error")
            self.choices.append(shown)

    def _is_shown_with_error(self, cell: Cell) -> bool:
        """Whether a cell is the failed one, or says the same: a model would copy it from there."""
        error, rewrite = self.sources.error, self.sources.rewrite
        if error is None:
            return False
        is_it = rewrite is not None and cell.cell_id == rewrite.cell.cell_id != ""
        return is_it or cell.source.strip() == error.source.strip()

    def finish(self) -> Context:
        """Drop what does not fit into the window, and report."""
        most = self.limits.max_prompt_tokens
        while most is not None and (excess := self.total_tokens() - most) > 0:
            self._shed(excess)
        prompt = self.prompt()
        text = self.format_prompt(prompt)
        tokens = self.count_tokens(text)
        report = self._report(text, total_tokens=tokens)
        return Context(
            prompt=prompt,
            text=text,
            prompt_tokens=tokens,
            report=report,
            notes=tuple(self._notes()),
        )

    def _notes(self) -> Iterator[str]:
        """Yield what the user should know: what was hidden, and what was named and did not fit."""
        if self.sources.filled is not None:
            yield from self.sources.filled.notes
        if self.secrets:
            yield SECRET_NOTE
        named = (*self.parts["file"], *self.parts["variable"])
        yield from filter(None, (part.note for part in named))

    def _shed(self, excess: int) -> None:
        """Drop what is worth least: cells shrink first, what the user named goes last."""
        taken = sum(choice.tokens for choice in self.choices)
        if taken:
            # In steps, so that requests of about the same length choose the same cells.
            self._choose_cells((taken - excess) // CELL_TOKENS_STEP * CELL_TOKENS_STEP)
            return
        if self.exchanges:
            self.exchanges.pop(0)
            next(part for part in self.parts["history"] if part.text).leave_out(NO_ROOM)
            return
        for kind in ("variable", "file", "error"):
            included = [part for part in self.parts[kind] if part.text]
            if included:
                included[-1].leave_out(NO_ROOM)
                return
        self._check_window()

    def _report(self, text: str, *, total_tokens: int) -> tuple[Piece, ...]:
        parts = list(self.parts["history"])
        if self.far_cells:
            parts.append(Part("cell", counted(self.far_cells, "more cell"), reason="too far away"))
        parts += [
            Part("cell", choice.cell.title, choice.text, choice.tokens, choice.reason)
            for choice in self.choices
        ]
        parts += [*self.parts["file"], *self.parts["variable"], *self.parts["error"]]
        request = self.sources.request
        title = in_one_line(request, max_chars=MAX_TITLE_CHARS)
        tokens = self.count_tokens(request)
        parts.append(Part("request", title, request, tokens, self._request_reason()))
        rest = total_tokens - sum(part.tokens for part in parts)
        parts.insert(0, Part("layout", _layout_title(text), "…", max(0, rest)))
        return tuple(part.piece for part in parts)

    def _request_reason(self) -> str:
        filled = self.sources.filled
        names = ", ".join(f"{{{name}}}" for name in filled.filled_in) if filled else ""
        hidden = "a secret hidden" if self.secrets else ""
        return ", ".join(filter(None, (f"filled in: {names}" if names else "", hidden)))


def _names_in_request(sources: ContextSources) -> tuple[str, ...]:
    """Return the notebook's names that the request or the failing line mentions, in order."""
    known = set(sources.namespace)
    for cell in sources.cells:
        if cell.cell_type == "code":
            known |= defined_names(cell.sent)
    words = list(identifiers(sources.request))
    # Not all scripts put spaces between words.
    words += [name for name in known if not name.isascii() and name in sources.request]
    if sources.error is not None:
        words += sources.error.names
    return tuple(dict.fromkeys(word for word in words if word in known))


def _layout_title(text: str) -> str:
    """Say what a laid out prompt holds besides the notebook and the request."""
    sets = (EXAMPLES, EDIT_EXAMPLES)
    has_examples = any(all(example.code in text for example in examples) for examples in sets)
    return f"system prompt{', worked examples' if has_examples else ''} and layout"


def _exchanges(history: Sequence[Message]) -> list[tuple[Message, ...]]:
    """Split a conversation into exchanges: a question and what followed it."""
    exchanges: list[tuple[Message, ...]] = []
    for message in history:
        if message["role"] == "user":
            exchanges.append((message,))
        elif exchanges:
            exchanges[-1] = (*exchanges[-1], message)
    return exchanges


def _failure(source: str, report: str, *, language: str) -> str:
    """Write a failed cell and its report for the prompt; an empty ``source`` is left out."""
    failure = f"It failed:\n{fenced(report, 'text')}"
    return f"This cell was run:\n{fenced(source, language)}\n{failure}" if source else failure


def _file_reason(sent: str, content: str, *, secrets: int) -> str:
    reasons = ["secrets left out"] if secrets else []
    if sent != content:
        is_beginning = content.startswith(sent.removesuffix(GAP))
        reasons.insert(0, BEGINNING if is_beginning else IN_PART)
    return ", ".join(reasons)
