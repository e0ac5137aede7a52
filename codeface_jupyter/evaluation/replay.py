"""A notebook that runs in this process, stopped at each task: asked, tried on copies, gone on.

Only for a process of its own (`worker`), which it turns quiet cells loose in.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from codeface_jupyter.config import Config
from codeface_jupyter.context import ContextSources
from codeface_jupyter.errors import NotebookError, PromptTooLongError
from codeface_jupyter.evaluation.judge import unfit
from codeface_jupyter.evaluation.messages import Answered, Expectation, FailedCell
from codeface_jupyter.evaluation.quiet_shell import QuietShell
from codeface_jupyter.evaluation.tasks import Notebook, Task
from codeface_jupyter.outcome import Outcome
from codeface_jupyter.session import Session
from codeface_jupyter.session.answer import Ask
from codeface_jupyter.trials.copy import Limits
from codeface_jupyter.trials.copy_support import copy_support
from codeface_jupyter.trials.outcome import try_code

__all__ = ["Replay"]


# What is run for good may train a model; what never ends is to end all the same.
TIMES_AS_LONG = 10


class Replay:
    """Runs a notebook's cells in order, as far as it is told.

    Parameters
    ----------
    notebook
        What to run, in the working directory.
    settings
        Settings on top of those that are configured.
    try_s
        How long a cell may run on a copy.
    """

    def __init__(self, notebook: Notebook, settings: Mapping[str, object], *, try_s: float) -> None:
        config = Config()
        config.set(**settings)
        self._settings = config.settings
        self._session = Session(config=config)
        self._shell = QuietShell()
        self._notebook = notebook
        self._limits = Limits(seconds=try_s)
        self._cell_s = try_s * TIMES_AS_LONG
        self._next_step = 0
        self._failed: list[FailedCell] = []

    def load(self) -> None:
        """Load the model, so that no answer's time has that in it."""
        self._session.load().read_to_end()

    def why_no_copy(self) -> str:
        """Return why no copy of this process can be made now; empty if one can."""
        # Of answers, tries may be turned off; cells are tried all the same.
        support = copy_support(tries="on" if self._settings.tries == "on" else "auto")
        return "" if support.is_possible else support.why

    def expect(self, index: int) -> Expectation:
        """Go on to a task and return what its own cell does there."""
        task = self._go_to(index)
        failed = tuple(self._failed)
        why = self.why_no_copy()
        if why:
            return Expectation(unfit=f"cannot be tried: {why}", failed=failed)
        first = self.attempt(task.reference)
        reason = unfit(first, self.attempt(task.reference) if first.has_run else first)
        return Expectation(outcome=None if reason else first, unfit=reason, failed=failed)

    def ask(self, index: int) -> Answered:
        """Go on to a task and ask the model for it, as a `%%codeface` cell does.

        Raises
        ------
        CodeFaceError
            If the engine failed, which says nothing of the model.
        """
        task = self._go_to(index)
        begin = time.perf_counter()
        try:
            result = self._session.generate(self._ask(task))
        except PromptTooLongError as error:
            return Answered(error=error.message, seconds=time.perf_counter() - begin)
        return Answered(
            code=result.code,
            seconds=time.perf_counter() - begin,
            tokens=result.metrics.generated_tokens,
            is_cut_off=result.finish_reason == "length",
        )

    def attempt(self, code: str) -> Outcome:
        """Return what a code does on a copy of the notebook as it stands.

        Raises
        ------
        NotebookError
            If no copy could be made.
        """
        outcome = try_code(code, self._shell.names, limits=self._limits, has_digests=True)
        if outcome is None:
            raise NotebookError("The notebook's process could not be copied.")
        return outcome

    def _go_to(self, index: int) -> Task:
        """Run the cells before a task that have not been run yet."""
        for step in self._notebook.steps[self._next_step :]:
            if step.task is not None and step.task.index == index:
                return step.task
            self._next_step += 1
            error = self._shell.run(step.source, limit_s=self._cell_s)
            if error:
                self._failed.append(FailedCell(cell=step.cell, error=error))
        raise NotebookError(f"The notebook has no task {index + 1} any more.")

    def _ask(self, task: Task) -> Ask:
        sources = ContextSources(
            request=task.request, cells=task.cells, namespace=self._shell.variables()
        )
        return Ask(
            sources=sources,
            settings=self._settings,
            use_response_cache=False,
            live_namespace=self._shell.names,
        )
