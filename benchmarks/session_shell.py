"""A real IPython shell with the extension, and the two ways to ask for a notebook's next cell."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from unittest.mock import patch

from running_code import quiet

from codeface_jupyter.context import ContextSources
from codeface_jupyter.errors import NotebookError
from codeface_jupyter.prompts import fenced
from codeface_jupyter.session.answer import Ask

if TYPE_CHECKING:
    from IPython.core.interactiveshell import ExecutionResult, InteractiveShell

    from codeface_jupyter.generation import GenerationResult
    from codeface_jupyter.prompts import Message, Prompt
    from codeface_jupyter.session import Session

__all__ = [
    "Asker",
    "MagicAsker",
    "PlainAsker",
    "RepairAsker",
    "ReplayAsker",
    "Reply",
    "SessionShell",
    "plain_request",
]

EXTENSION = "codeface_jupyter"
RESULT_VARIABLE = "_codeface"
SEED = 0
PLAIN_SENTENCE = (
    "Write the next notebook cell. Reply with one python code block. "
    "End with the expression whose value answers."
)


class SessionShell:
    """One shell for all notebooks, so that the model is loaded once; each begins afresh."""

    def __init__(self, **settings: Any) -> None:
        from IPython.core.interactiveshell import InteractiveShell
        from traitlets.config import Config

        config = Config()
        config.HistoryManager.enabled = False
        self.shell: InteractiveShell = InteractiveShell.instance(config=config)
        self.run(f"%load_ext {EXTENSION}").raise_error()
        self._extension = self.shell.magics_manager.registry["CodeFace"].extension
        self._extension.config.set(**settings)

    @property
    def session(self) -> Session:
        """The extension's session."""
        session: Session = self._extension.session
        return session

    @property
    def settings(self) -> Any:
        """The settings in force."""
        return self._extension.config.settings

    def close(self) -> None:
        """Give everything back."""
        from IPython.core.interactiveshell import InteractiveShell

        self.run(f"%unload_ext {EXTENSION}")
        InteractiveShell.clear_instance()

    @contextlib.contextmanager
    def notebook(self, folder: Path) -> Iterator[Path]:
        """Begin a notebook in a copy of ``folder``, which is the working directory meanwhile."""
        before = Path.cwd()
        with tempfile.TemporaryDirectory() as scratch:
            copy = Path(scratch) / folder.name
            shutil.copytree(folder, copy)
            os.chdir(copy)
            try:
                self._begin()
                yield copy
            finally:
                os.chdir(before)

    def _begin(self) -> None:
        import numpy as np

        self.shell.reset()
        self.session.conversation.clear()
        random.seed(SEED)
        np.random.seed(SEED)
        # In the notebook's own history, as a user has it.
        self.run(f"%load_ext {EXTENSION}")

    def run(self, source: str) -> ExecutionResult:
        """Run a cell as the notebook's next, and throw away what it prints."""
        with quiet():
            return self.shell.run_cell(source, store_history=True)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer: what the model was given, what it said, the code in it, and what it cost."""

    prompt: str
    text: str
    code: str
    prompt_tokens: int
    tokens: int
    seconds: float
    finish_reason: str

    @classmethod
    def of(cls, result: GenerationResult, *, seconds: float) -> Reply:
        """Return what is kept of a result that took ``seconds`` in all."""
        return cls(
            prompt=result.prompt,
            text=result.text,
            code=result.code,
            prompt_tokens=result.metrics.prompt_tokens,
            tokens=result.metrics.generated_tokens,
            seconds=round(seconds, 3),
            finish_reason=result.finish_reason,
        )


class Asker(Protocol):
    """A way to ask for the notebook's next cell."""

    def ask(self, question: str, cells: Sequence[str], /) -> Reply:
        """Return the answer to ``question`` below ``cells``."""


class MagicAsker:
    """Asks through ``%%codeface``, as a user does; the shell's history is the context.

    Parameters
    ----------
    keeps_conversation
        Whether the questions before go along, as the settings say; a user who had
        taken their answers would have them in the notebook instead.
    """

    def __init__(self, shell: SessionShell, *, keeps_conversation: bool = False) -> None:
        self._shell = shell
        self._keeps_conversation = keeps_conversation

    def ask(self, question: str, _cells: Sequence[str]) -> Reply:
        """Return the answer; raise what the cell raised."""
        if not self._keeps_conversation:
            self._shell.session.conversation.clear()
        return _reply_of(self._shell, f"%%codeface\n{question}")


class RepairAsker:
    """Asks ``%codeface_fix`` for the cell that has just failed."""

    def __init__(self, shell: SessionShell) -> None:
        self._shell = shell

    def ask(self, _question: str, _cells: Sequence[str]) -> Reply:
        """Return the repair; raise what the magic raised."""
        return _reply_of(self._shell, "%codeface_fix")


class PlainAsker:
    """Asks in one plain sentence below the cells, for comparison: no layout, no penalty.

    The model has the system prompt that its own template gives it.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def ask(self, question: str, cells: Sequence[str]) -> Reply:
        """Return the answer; raise what the engine raised."""
        settings = self._session.config.settings
        if settings.repetition_penalty is None:
            settings = self._session.config.with_overrides({"repetition_penalty": 1.0})
        request = plain_request(question, cells)
        sources = ContextSources(request=request, instruction="")
        begin = time.perf_counter()
        with _plain_layout():
            result = self._session.generate(Ask(sources=sources, settings=settings))
        return Reply.of(result, seconds=time.perf_counter() - begin)


class ReplayAsker:
    """Gives the answers of an earlier run once more, to be judged anew.

    Parameters
    ----------
    replies
        Questions and their answers, in the order in which they are asked.
    """

    def __init__(self, replies: Iterable[tuple[str, Reply]]) -> None:
        self._replies = list(replies)

    def ask(self, question: str, _cells: Sequence[str]) -> Reply:
        """Return the next answer to ``question``.

        Raises
        ------
        NotebookError
            If the earlier run did not ask it.
        """
        for number, (asked, reply) in enumerate(self._replies):
            if asked == question:
                # Where a question comes twice, those before it have had their turn.
                del self._replies[: number + 1]
                return reply
        raise NotebookError("The earlier run did not ask this.")


def _reply_of(shell: SessionShell, source: str) -> Reply:
    """Run a cell that asks, and return its answer."""
    namespace = shell.shell.user_ns
    namespace.pop(RESULT_VARIABLE, None)
    begin = time.perf_counter()
    shell.run(source).raise_error()
    return Reply.of(namespace[RESULT_VARIABLE], seconds=time.perf_counter() - begin)


def plain_request(question: str, cells: Sequence[str]) -> str:
    """Return the sentence, with the notebook above it."""
    code = fenced("\n\n".join(cells), "python")
    return f"Notebook so far:\n{code}\n{PLAIN_SENTENCE}\nTask: {question}"


def _plain_layout() -> AbstractContextManager[object]:
    """Have a prompt laid out as its request alone, without a system message."""
    from codeface_jupyter.engines.text import chat_layout

    def request_alone(prompt: Prompt, **_: bool) -> list[Message]:
        return [{"role": "user", "content": prompt.request}]

    return patch.object(chat_layout, "chat_messages", request_alone)
