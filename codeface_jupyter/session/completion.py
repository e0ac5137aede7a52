"""Completions of the code at the cursor, by the model that is in memory."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Literal

from codeface_jupyter.config import AUTO_MODEL
from codeface_jupyter.context.cells import defined_names
from codeface_jupyter.context.gap_context import gap_prompt
from codeface_jupyter.engines.base import Engine, InfillEngine
from codeface_jupyter.engines.model_beside import problem_beside
from codeface_jupyter.errors import CodeFaceError
from codeface_jupyter.infilling import Gap, Guide, Infilled, InfillRequest, NextName
from codeface_jupyter.jobs import Job
from codeface_jupyter.session.completion_ask import CompletionAsk
from codeface_jupyter.session.completion_engine import completes
from codeface_jupyter.session.suggestions import Suggestions
from codeface_jupyter.session.token_counts import TokenCounts
from codeface_jupyter.threads import new_lock
from codeface_jupyter.trials.completing import Bounds, misfit, settled
from codeface_jupyter.trials.naming import KnownNames

if TYPE_CHECKING:
    from codeface_jupyter.config import Settings
    from codeface_jupyter.session.resources import Resources

__all__ = ["Completions", "Silence"]

Silence = Literal["", "unloaded", "unsuited"]

# Of the cells above. They are read once; a key press costs what is new.
CELL_TOKENS = 1_500
# In a small window they take no more than such a part.
WINDOW_PARTS = 2
LINE_TOKENS = 48
BLOCK_TOKENS = 128
# How likely a line has to be to be worth a look: with that, more than half of what is shown is
# what would have been typed (benchmarks/RESULTS.md).
MIN_LIKELIHOOD = 0.2
# Of a line of which nothing is typed yet, there is less to go by.
MIN_LIKELIHOOD_OF_WHOLE_LINE = 0.3
WORD = re.compile(r"[^\W\d]\w*")
# The cursor stands within a name, or in what is assigned to.
GOES_ON = re.compile(r"\w|[\"'\])\s]*=(?!=)")


class Completions:
    """Completes code, one gap at a time: a newer one ends an older one.

    Parameters
    ----------
    resources
        What the answers of the session share.
    settings
        Returns the settings in force.
    """

    def __init__(self, resources: Resources, *, settings: Callable[[], Settings]) -> None:
        self._resources = resources
        self._settings = settings
        self._suggestions = Suggestions()
        self._latest = Job()
        self._lock = new_lock()
        # Apart from those of answers, which are counted in other threads.
        self._token_counts = TokenCounts()
        self._counting = new_lock()

    def silence(self) -> Silence:
        """Return why nothing can be completed now; empty if it can.

        If another model is to complete code than the one that answers, it begins to load.
        """
        self._resources.completing.look_for(self._settings())
        engine = self._resources.completing.engine
        if engine is None:
            return "unloaded"
        return "" if completes(engine) else "unsuited"

    def problem(self) -> str:
        """Return why the model that is named for completions makes none; empty if nothing tells.

        It is found out without a model in memory.
        """
        settings, resources = self._settings(), self._resources
        failure = resources.completing.problem_of(settings)
        if failure or settings.completion_model == AUTO_MODEL:
            return failure
        try:
            answering = resources.engines.peek(resources.settled(settings, may_probe=False))
        except CodeFaceError:
            # The next answer says what is wrong with that one.
            return ""
        return problem_beside(settings, answering)

    def complete(self, ask: CompletionAsk, job: Job) -> str:
        """Return what goes in at the cursor; empty where nothing is worth showing.

        Raises
        ------
        Cancelled
            If ``job`` was stopped, or a newer completion is wanted.
        """
        metrics, engine = self._resources.metrics, self._resources.completing.engine
        identity = None if engine is None else engine.identity
        known = self._suggestions.find(ask, identity=identity)
        if known is not None:
            metrics.add_completion(is_shown=bool(known), seconds=None)
            return known
        begin = time.perf_counter()
        text = self._infill(engine, ask, self._begin(job))
        if text is None:
            return ""
        metrics.add_completion(is_shown=bool(text), seconds=time.perf_counter() - begin)
        self._suggestions.keep(ask, text, identity=identity)
        return text

    def warm_up(self, ask: CompletionAsk, job: Job) -> None:
        """Read what a completion would need, so that the first one is quick.

        Raises
        ------
        Cancelled
            As `complete` does.
        """
        engine = self._resources.completing.engine
        self._read(engine, ask, guide=_AnyName(), max_new_tokens=1, job=self._begin(job))

    def _begin(self, job: Job) -> Job:
        """Return a part of ``job`` that the next one ends; what perhaps nobody asks for ends."""
        self._resources.turns.end_unsure()
        with self._lock:
            self._latest.cancel()
            self._latest = job.part()
            return self._latest

    def _infill(self, engine: Engine | None, ask: CompletionAsk, job: Job) -> str | None:
        """Return a completion that is likely and fits, or the rest of a name that is certain.

        Empty if there is none, and None if no model was asked.
        """
        is_block = ask.max_lines > 1
        guide = _Guide(ask)
        infilled = self._read(
            engine,
            ask,
            guide=guide,
            max_new_tokens=BLOCK_TOKENS if is_block else LINE_TOKENS,
            job=job,
        )
        if infilled is None:
            return None
        line = _settled(_whole_lines(infilled), ask)
        if not misfit(line, ask.gap, ask.namespace):
            return line
        rest = guide.rest_of_only_name
        return "" if misfit(rest, ask.gap, ask.namespace) else rest

    def _read(
        self,
        engine: Engine | None,
        ask: CompletionAsk,
        *,
        guide: Guide,
        max_new_tokens: int,
        job: Job,
    ) -> Infilled | None:
        if engine is None or not (isinstance(engine, InfillEngine) and completes(engine)):
            return None
        window = engine.context_window or CELL_TOKENS * WINDOW_PARTS
        with self._counting:
            prompt = gap_prompt(
                ask.gap,
                max_tokens=min(CELL_TOKENS, window // WINDOW_PARTS),
                count_tokens=self._token_counts.of(engine),
            )
        job.check()
        if prompt is None:
            return None
        request = InfillRequest(
            prompt=prompt,
            guide=guide,
            max_new_tokens=max_new_tokens,
            min_likelihood=_least_likelihood(ask),
        )
        return engine.infill(request, job)


class _Guide:
    """Keeps to names that exist, and to the line or the block at the cursor."""

    def __init__(self, ask: CompletionAsk) -> None:
        self._gap = ask.gap
        self._prefix = ask.gap.prefix
        self._bounds = Bounds(ask.gap, max_lines=ask.max_lines)
        self._names = KnownNames(ask.namespace, others=partial(_names_around, ask.gap))

    def next_name(self, text: str) -> NextName | None:
        """Return the names that exist where the text ends."""
        return self._names.at_end_of(self._prefix + text)

    def is_complete(self, text: str) -> bool:
        """Whether the line or the block is at its end."""
        return self._bounds.is_complete(text)

    @property
    def rest_of_only_name(self) -> str:
        """The rest of the label or attribute at the cursor, if only one that exists begins so."""
        name, suffix = self._names.at_end_of(self._prefix), self._gap.suffix
        if name is None or not name.typed or name.instead or GOES_ON.match(suffix):
            return ""
        is_attribute = self._prefix.removesuffix(name.typed).endswith(".")
        only, *others = name.options
        rest = only.removeprefix(name.typed)
        if others or not rest or not (name.closing or is_attribute):
            return ""
        return rest if suffix.startswith(name.closing) else rest + name.closing


class _AnyName:
    """Asks for a single token of a name, whichever: an engine then has ready what names need."""

    def next_name(self, text: str) -> NextName | None:  # noqa: ARG002 - a guide's signature
        """Return two names, so that there is a choice for the model to make."""
        return NextName(options=frozenset({"x", "y"}), typed="")

    def is_complete(self, text: str) -> bool:
        """Whether something has come."""
        return bool(text)


def _names_around(gap: Gap) -> frozenset[str]:
    """Return the names that may exist once the cell runs although it does not make them so far."""
    above = (name for source in gap.above for name in defined_names(source))
    return frozenset(above).union(WORD.findall(gap.suffix))


def _whole_lines(infilled: Infilled) -> str:
    """Return what came, without a last line that reached the limit of tokens."""
    is_whole = infilled.finish_reason == "stop"
    return infilled.text if is_whole else infilled.text.rpartition("\n")[0]


def _settled(text: str, ask: CompletionAsk) -> str:
    """Return of a completion what is wanted, indented as its surroundings ask for."""
    return settled(Bounds(ask.gap, max_lines=ask.max_lines).cut(text), ask.gap)


def _least_likelihood(ask: CompletionAsk) -> float:
    if ask.is_asked_for:
        return 0.0
    return MIN_LIKELIHOOD if ask.gap.line.strip() else MIN_LIKELIHOOD_OF_WHOLE_LINE
