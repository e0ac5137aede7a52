"""What becomes of an answer's code before it is offered: its shape, and what does not fit."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from codeface_jupyter.context import Rewrite
from codeface_jupyter.generation import NO_MODEL, GenerationResult
from codeface_jupyter.namespace.foreign_code import attempt
from codeface_jupyter.prompts import FIX_REQUEST, CodeBlock, edit_instruction
from codeface_jupyter.session.answer import Ask
from codeface_jupyter.trials.asked_names import with_asked_name
from codeface_jupyter.trials.checks import check_code
from codeface_jupyter.trials.checks.wording import listed
from codeface_jupyter.trials.earlier_code import GOES_ON, adds_something, needed_earlier_code
from codeface_jupyter.trials.kept_names import (
    KEPT_LINES,
    UNRELATED,
    keeps_little,
    lost_below,
    lost_names,
    with_lost_names,
)
from codeface_jupyter.trials.kept_result import KEPT_RESULT, with_result
from codeface_jupyter.trials.made_below import made_below_note
from codeface_jupyter.trials.made_up_numbers import made_up_numbers
from codeface_jupyter.trials.marks import without_marks
from codeface_jupyter.trials.needed_statements import with_lines_above
from codeface_jupyter.trials.rejections import (
    SAME_ANSWER,
    is_same_answer,
    is_same_code,
    wants_other_code,
)
from codeface_jupyter.trials.rewriting import (
    LEAVES_OUT,
    Rewritten,
    only_leaves_out,
    repeats_a_cell,
    rewritten,
    without_other_cells,
)
from codeface_jupyter.trials.shape import Offer, shape

__all__ = ["checked"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

# For each of the two steps. They take milliseconds; the limit is for objects that do strange
# things when they are looked at.
TIMEOUT_S = 1.0
PYTHON = "python"
MAX_NUMBERS = 6


def checked(result: GenerationResult, ask: Ask) -> GenerationResult:
    """Return an answer with its code as it is offered and with what does not fit the notebook.

    A step that fails or takes too long leaves the answer as it is.

    Parameters
    ----------
    result
        The answer as the model wrote it.
    ask
        The question, with what the notebook offers.
    """
    checked_result = _checked(result, ask)
    if not _guarded(lambda: _is_said_again(checked_result, ask)):
        return checked_result
    return replace(checked_result, notes=(*checked_result.notes, SAME_ANSWER))


def _is_said_again(result: GenerationResult, ask: Ask) -> bool:
    """Whether an answer is the one that is not to come again."""
    if ask.after is not None and ask.after.question is not None:
        wants_other = wants_other_code(ask.after.question.text)
        return wants_other and is_same_code(result, ask.after.result)
    before, is_code = ask.other_than, ask.sources.task != "explain"
    return before is not None and is_same_answer(result, before, is_code=is_code)


def _checked(result: GenerationResult, ask: Ask) -> GenerationResult:
    if ask.sources.rewrite is not None:
        result = _rewritten(result, ask, ask.sources.rewrite)
    elif ask.sources.task != "explain" and result.finish_reason == "stop":
        result = _without_marks(result)
    if ask.sources.task == "explain" and result.finish_reason == "stop":
        return _with_made_up_numbers(result)
    if not _is_to_be_checked(result, ask):
        return result
    if ask.sources.task == "write":
        result = _guarded(lambda: _shaped(result, ask)) or result
    findings = _guarded(lambda: check_code(result.code, dict(ask.live_namespace or {})))
    return replace(result, findings=findings or ())


def _is_to_be_checked(result: GenerationResult, ask: Ask) -> bool:
    # What was cut off or stopped would be found to be so.
    is_whole = result.finish_reason == "stop"
    is_code = ask.language == PYTHON and ask.sources.task != "explain"
    has_code = any(block.language == PYTHON for block in result.code_blocks)
    return ask.live_namespace is not None and is_whole and is_code and has_code


def _without_marks(result: GenerationResult) -> GenerationResult:
    """Return an answer that offers no line of the prompt's that says what was not sent."""
    blocks = tuple(
        replace(block, code=without_marks(block.code)) if block.language == PYTHON else block
        for block in result.code_blocks
    )
    is_changed = blocks != tuple(result.code_blocks)
    return replace(result, offered_blocks=blocks) if is_changed else result


def _with_made_up_numbers(result: GenerationResult) -> GenerationResult:
    """Return an explanation with a note on the numbers that the model was not given."""
    numbers = _guarded(lambda: made_up_numbers(result.text, known=result.prompt)) or []
    if not numbers:
        return result
    shown = numbers[:MAX_NUMBERS]
    # A comma may be a part of a number.
    said = ("; " if any("," in number for number in shown) else ", ").join(shown)
    note = f"Not in what the model was given, so perhaps made up: {said}."
    return replace(result, notes=(*result.notes, note))


def _rewritten(result: GenerationResult, ask: Ask, rewrite: Rewrite) -> GenerationResult:
    """Return an answer that offers one block: the whole cell as it is to be."""
    made = rewritten(result, rewrite)
    if made is None:
        return result
    cells, task = ask.sources.cells, ask.sources.task
    repeats = repeats_a_cell(made.block.code, rewrite, cells, task=task)
    new, copied = made, ""
    # What was mended is the cell's own, line by line.
    if not repeats and result.identity != NO_MODEL:
        names = dict(ask.live_namespace or {})
        settled = _guarded(
            lambda: without_other_cells(made, rewrite, cells, namespace=names, task=task)
        )
        new, copied = settled or (made, "")
        # What is left of an answer that begins with one cell may be another.
        repeats = repeats_a_cell(new.block.code, rewrite, cells, task=task) if copied else ""
    further: list[str] = []
    if result.finish_reason == "stop" and rewrite.language == PYTHON:
        if task == "edit" and not new.obstacle:
            new, further = _with_kept_lines(new, ask, rewrite)
        code = new.block.code
        further += _guarded(lambda: list(_told_names(code, ask, rewrite))) or []
        # In a long notebook this may take too long, which leaves the others as they are.
        further += _guarded(lambda: list(_told_below(code, ask, rewrite))) or []
    notes = tuple(filter(None, (new.obstacle, repeats, copied, *further)))
    is_as_written = result.written_blocks == [new.block]
    return replace(result, offered_blocks=None if is_as_written else (new.block,), notes=notes)


def _with_kept_lines(new: Rewritten, ask: Ask, rewrite: Rewrite) -> tuple[Rewritten, list[str]]:
    """Return an edited cell with the lines of the old one that it still needs, and notes of them.

    These are those that make what it uses, and the one that shows what it makes.
    """
    text, notes = new.block.code.removeprefix(rewrite.head), []
    if kept := _guarded(lambda: with_lost_names(text, rewrite, ask.sources.cells)):
        text, notes = kept, [KEPT_LINES]
    words = edit_instruction(ask.sources.request, rewrite.text)
    if shown := _guarded(lambda: with_result(text, rewrite.text, instruction=words)):
        text, notes = shown, [*notes, KEPT_RESULT]
    if not notes:
        return new, notes
    return replace(new, block=replace(new.block, code=rewrite.with_text(text))), notes


def _told_names(code: str, ask: Ask, rewrite: Rewrite) -> Iterator[str]:
    """Yield what there is to say of the names that a new cell keeps, or does not."""
    # Whoever says what is to be done may want something else.
    is_plain_fix = ask.sources.request == FIX_REQUEST and not ask.is_follow_up
    if is_plain_fix and keeps_little(code, rewrite, dict(ask.live_namespace or {})):
        yield UNRELATED
    if is_plain_fix and only_leaves_out(code, rewrite):
        yield LEAVES_OUT
    if lost := lost_names(code, rewrite, ask.sources.cells):
        yield _lost(lost, "here")


def _told_below(code: str, ask: Ask, rewrite: Rewrite) -> Iterator[str]:
    """Yield what the cells below will miss."""
    if lost := lost_below(code, rewrite, ask.sources.cells):
        yield _lost(lost, "below")


def _lost(names: list[str], place: str) -> str:
    verb = "is" if len(names) == 1 else "are"
    return f"{listed(names)} {verb} used {place}, but no longer defined here or above."


def _shaped(result: GenerationResult, ask: Ask) -> GenerationResult:
    blocks = result.code_blocks
    codes = [block.code for block in blocks if block.language == PYTHON]
    namespace = dict(ask.live_namespace or {})
    cells = ask.sources.cells
    goes_on = needed_earlier_code(
        "\n".join(codes),
        _earlier_code(ask),
        namespace=namespace,
        cells=cells,
        is_added=_is_added(ask),
    )
    codes[:1] = [with_lines_above(codes[0], f"{goes_on}\n")] if goes_on else codes[:1]
    offer = shape(codes, namespace, cells, prompt=result.prompt)
    offer = _named_as_asked(offer, ask, namespace)
    offered = iter(offer.codes)
    codes_offered = [next(offered) if b.language == PYTHON else b.code for b in blocks]
    left_out = tuple(number for number, code in enumerate(codes_offered) if code is None)
    changed = tuple(
        replace(block, code=code)
        for block, code in zip(blocks, codes_offered, strict=True)
        if code is not None
    )
    is_changed = changed != tuple(result.written_blocks)
    return replace(
        result,
        offered_blocks=changed if is_changed else None,
        left_out=left_out,
        notes=(*([GOES_ON] if goes_on else []), *offer.notes, *_made_below(changed, ask)),
    )


def _named_as_asked(offer: Offer, ask: Ask, namespace: Mapping[str, object]) -> Offer:
    """Return an offer in which the only code has the name for its result that was asked for."""
    is_first = ask.sources.task == "write" and not ask.is_follow_up and ask.after is None
    if not is_first or len(offer.codes) != 1 or not offer.codes[0]:
        return offer
    filled = ask.sources.filled
    request = filled.text_without_values if filled else ask.sources.request
    renamed = with_asked_name(offer.codes[0], request, namespace)
    if renamed is None:
        return offer
    return Offer(codes=(renamed.code,), notes=(*offer.notes, renamed.note))


def _earlier_code(ask: Ask) -> str:
    """Return the code of the answer that a question goes on from; empty for none."""
    if ask.after is not None:
        return ask.after.result.code if ask.after.question is not None else ""
    return ask.code_before


def _is_added(ask: Ask) -> bool:
    """Whether a question about an answer asks for something in addition to it."""
    question = ask.after.question if ask.after is not None else None
    return question is not None and adds_something(question.text)


def _made_below(blocks: Sequence[CodeBlock], ask: Ask) -> Iterator[str]:
    """Yield a note on what the code takes from cells below."""
    cells = (*(cell for cell in ask.sources.cells if not cell.is_below), *ask.cells_below)
    code = "\n\n".join(block.code for block in blocks if block.language == PYTHON)
    if ask.cells_below and (note := made_below_note(code, cells)):
        yield note


def _guarded(step: Callable[[], T]) -> T | None:
    """Return what ``step`` returns, or None if it fails or takes too long."""
    done = attempt(lambda: _logged(step), timeout_s=TIMEOUT_S)
    if done is None:
        logger.debug("A check of an answer did not come to its end.")
    return done


def _logged(step: Callable[[], T]) -> T:
    try:
        return step()
    except Exception:
        # The thread boundary: `attempt` drops it.
        logger.debug("A check of an answer failed.", exc_info=True)
        raise
