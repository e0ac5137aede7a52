"""Keys and values of the text that all prompts begin with, kept on disk from session to session.

A first question is then read from where the notebook begins. Nothing of a notebook is saved.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from codeface_jupyter.small_files import write_whole

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from codeface_jupyter.engines.openvino.pipeline import TokenPipeline

__all__ = ["START_FILE", "SavedStart"]

logger = logging.getLogger(__name__)

START_FILE = "start_of_prompts.safetensors"
# Far more than any model's takes; what is larger was not written here.
LARGEST_BYTES = 2**30


class SavedStart:
    """The start of all prompts, as one model on one machine has read it.

    Parameters
    ----------
    file
        Where it is kept.
    token_ids
        The tokens that prompts begin with, as many as fill blocks.
    made_by
        All on which the bytes of keys and values depend: they serve nothing else.
    """

    def __init__(self, file: Path, *, token_ids: Sequence[int], made_by: str) -> None:
        self._file = file
        self._token_ids = list(token_ids)
        self._made_by = made_by
        # Models that continue a script begin with nothing that would be worth it.
        self._is_wanted = bool(token_ids)

    def restore(self, pipeline: TokenPipeline) -> None:
        """Let a model that has just been loaded know what was saved; without it, it reads."""
        contents = self._read()
        # Short of memory it is as if nothing had been saved.
        with suppress(MemoryError):
            if contents is not None and pipeline.put_start(self._token_ids, contents):
                self._is_wanted = False

    def save(self, pipeline: TokenPipeline) -> None:
        """Save the start once a prompt that begins so has been read, unless it is saved.

        It is tried once: a folder that cannot be written stays as it is.
        """
        if not self._is_wanted:
            return
        # The answer is there: it is not lost over what only spares the next session some reading.
        try:
            contents = pipeline.kept_start(self._token_ids)
            if contents:
                self._is_wanted = False
                self._write(contents)
        except (OSError, MemoryError):
            self._is_wanted = False
            logger.debug("The start of prompts cannot be saved.", exc_info=True)

    def _read(self) -> list[NDArray[np.generic]] | None:
        """Return what was saved, cache by cache; None if it is of no use here."""
        from safetensors import SafetensorError, safe_open

        try:
            if not self._file.is_file() or self._file.stat().st_size > LARGEST_BYTES:
                return None
            with safe_open(self._file, framework="numpy") as opened:
                about = opened.metadata() or {}
                contents = [opened.get_tensor(name) for name in sorted(opened.keys())]
        # The last two are what kinds of numbers lead to that NumPy does not have.
        except (OSError, MemoryError, SafetensorError, ValueError, TypeError, AttributeError):
            logger.debug("The saved start of prompts cannot be read.", exc_info=True)
            return None
        return contents if about == self._about(contents) else None

    def _write(self, contents: Sequence[NDArray[np.generic]]) -> None:
        from safetensors.numpy import save

        # Digits of one length, so that names sort as the caches do.
        tensors = {f"{number:04}": content for number, content in enumerate(contents)}
        # Those who may read the folder may read this, too.
        mode = self._file.parent.stat().st_mode & 0o666
        write_whole(self._file, save(tensors, metadata=self._about(contents)), mode=mode)

    def _about(self, contents: Sequence[NDArray[np.generic]]) -> dict[str, str]:
        """Return what tells that saved keys and values are whole, and are those wanted here."""
        digest = hashlib.sha256(repr(self._token_ids).encode())
        for content in contents:
            # The same bytes are other numbers in another kind.
            digest.update(f"{content.dtype.str} {content.shape}".encode())
            digest.update(content.tobytes())
        return {"made_by": self._made_by, "sha256": digest.hexdigest()}
