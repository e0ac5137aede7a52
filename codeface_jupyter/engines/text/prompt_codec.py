"""From a request to token ids and back to text: chat templates, markers, windows, ends."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from codeface_jupyter.engines.text.chat_layout import ChatLayout, completing
from codeface_jupyter.engines.text.chat_template import ChatTemplate
from codeface_jupyter.engines.text.common_prefix import common_prefix_length
from codeface_jupyter.engines.text.context_window import check_prompt_fits
from codeface_jupyter.engines.text.guided import GuidedChoice, GuidedText
from codeface_jupyter.engines.text.infill_layout import InfillLayout, infill_text
from codeface_jupyter.engines.text.streaming_text import IncrementalDetokenizer
from codeface_jupyter.engines.text.token_answer import TokenAnswer
from codeface_jupyter.engines.text.vocabulary import Vocabulary
from codeface_jupyter.generation import GenerationRequest, SamplingParameters
from codeface_jupyter.infilling import InfillRequest
from codeface_jupyter.jobs import Job
from codeface_jupyter.models.end_tokens import EosIds, end_token_ids
from codeface_jupyter.prompts import Prompt

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["PromptCodec"]

# Some checkpoints do not mark all of their control tokens as special.
CONTROL_TOKEN = re.compile(r"<[|\uff5c].+[|\uff5c]>")


class PromptCodec:
    """Turns requests into token ids, and the ids of their answers into text.

    Parameters
    ----------
    tokenizer
        As transformers loads it.
    model_name
        The model's name in errors.
    eos_ids
        The tokens that end an answer by the model's configuration.
    context_window
        How many tokens the model can see at once, prompt and answer together; None if that
        is not known.

    Attributes
    ----------
    eos_ids
        The tokens that end an answer: the configured ones and the usual ones.
    context_window
        As given.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        *,
        model_name: str,
        eos_ids: EosIds = None,
        context_window: int | None = None,
    ) -> None:
        self._tokenizer = tokenizer
        self._model_name = model_name
        self.eos_ids = self._all_eos_ids(eos_ids)
        self.context_window = context_window
        self._chat_template = _chat_template(tokenizer, model_name=model_name)

    @property
    def is_chat(self) -> bool:
        """Whether there is a chat template."""
        return self._chat_template is not None

    @cached_property
    def _layout(self) -> ChatLayout:
        return ChatLayout(
            self._control_tokens(), context_window=self.context_window, model_name=self._model_name
        )

    def format_prompt(self, prompt: Prompt) -> str:
        """Lay ``prompt`` out by the chat template, or as a script for a base model.

        Control tokens in the notebook's text are broken up: see `ChatLayout`.

        Raises
        ------
        ModelFilesError
            If the template refuses a conversation without a system message too, takes too
            long or makes too much of it.
        """
        template = self._chat_template
        return self._layout.text(prompt, lay_out=template.lay_out if template else None)

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens in ``text``, without special tokens."""
        return len(self.encode(text))

    def encode(self, text: str) -> list[int]:
        """Return the tokens of ``text``, without special tokens."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False)
        return ids

    def encode_prompt(self, text: str) -> list[int]:
        """Return the tokens of a formatted prompt.

        A chat template has written its special tokens already; for a base model the
        beginning-of-text token is added where the tokenizer uses one.
        """
        ids = self.encode(text)
        bos_id = self._tokenizer.bos_token_id
        has_bos = bos_id is not None and self._tokenizer.encode("")[:1] == [bos_id]
        if not self.is_chat and has_bos and ids[:1] != [bos_id]:
            return [bos_id, *ids]
        return ids

    def common_start(self) -> list[int]:
        """Return the tokens that prompts for a cell begin with, whatever the notebook says."""
        first, second = (
            self.encode_prompt(self.format_prompt(Prompt(request=text, cells=(text,))))
            for text in ("a", "1")
        )
        return first[: common_prefix_length(first, second)]

    def answer(self, request: GenerationRequest, job: Job) -> TokenAnswer:
        """Return what takes the tokens of the answer to ``request``.

        Raises
        ------
        PromptTooLongError
            If prompt and answer do not fit the model's window.
        """
        prompt_ids = self.encode_prompt(self.format_prompt(request.prompt))
        sampling = request.sampling if self.is_chat else completing(request.sampling)
        check_prompt_fits(
            prompt_tokens=len(prompt_ids),
            max_new_tokens=sampling.max_new_tokens,
            context_window=self.context_window,
        )
        return TokenAnswer(
            prompt_ids,
            sampling=sampling,
            detokenizer=self._detokenizer(prompt_ids),
            eos_ids=self.eos_ids,
            job=job,
        )

    @cached_property
    def _infill_layout(self) -> InfillLayout | None:
        return InfillLayout.of(self._control_tokens())

    @property
    def can_infill(self) -> bool:
        """Whether the model completes code: chat models do if they were trained to fill gaps."""
        return self._infill_layout is not None or not self.is_chat

    def infill_answer(self, request: InfillRequest, job: Job) -> TokenAnswer:
        """Return what takes the tokens that fill a gap.

        A base model that was not trained for it continues the text before the gap.

        Raises
        ------
        PromptTooLongError
            If prompt and completion do not fit the model's window.
        """
        text = infill_text(request.prompt, layout=self._infill_layout, defused=self._layout.defused)
        prompt_ids = self.encode(text)
        check_prompt_fits(
            prompt_tokens=len(prompt_ids),
            max_new_tokens=request.max_new_tokens,
            context_window=self.context_window,
        )
        return TokenAnswer(
            prompt_ids,
            sampling=SamplingParameters(max_new_tokens=request.max_new_tokens),
            detokenizer=self._detokenizer(prompt_ids),
            eos_ids=self._infill_end_ids,
            job=job.telling(),
            choice=GuidedChoice(GuidedText(request), vocabulary=lambda: self._vocabulary),
        )

    @cached_property
    def _infill_end_ids(self) -> list[int]:
        """Return the tokens that end a completion: any control token does."""
        added = self._tokenizer.added_tokens_decoder.items()
        control = self._control_tokens()
        return sorted({*self.eos_ids, *(n for n, token in added if token.content in control)})

    @cached_property
    def _vocabulary(self) -> Vocabulary | None:
        return Vocabulary.of(self._tokenizer, end_ids=self._infill_end_ids)

    def silent_answers(self, requests: Sequence[GenerationRequest], job: Job) -> list[TokenAnswer]:
        """Return what takes the tokens of many answers, whose chunks are not reported.

        Raises
        ------
        PromptTooLongError
            If one prompt and its answer do not fit the model's window.
        """
        silent = job.telling()
        return [self.answer(request, silent) for request in requests]

    def _all_eos_ids(self, configured: EosIds) -> list[int]:
        ids = {configured} if isinstance(configured, int) else set(configured or ())
        ids.update(end_token_ids(self._tokenizer.get_added_vocab()))
        if self._tokenizer.eos_token_id is not None:
            ids.add(self._tokenizer.eos_token_id)
        return sorted(ids)

    def _detokenizer(self, prompt_ids: Sequence[int]) -> IncrementalDetokenizer:
        tokenizer = self._tokenizer
        added = tokenizer.added_tokens_decoder.items()
        specials = {token_id for token_id, token in added if token.special}
        return IncrementalDetokenizer(
            lambda ids: str(tokenizer.decode(ids, clean_up_tokenization_spaces=False)),
            special_ids=specials.union(tokenizer.all_special_ids, self.eos_ids),
            prompt_ids=prompt_ids,
        )

    def _control_tokens(self) -> set[str]:
        """Return the texts that the tokenizer takes for more than words."""
        tokenizer = self._tokenizer
        added = tokenizer.added_tokens_decoder.values()
        return {
            *(token.content for token in added if token.special),
            *(token.content for token in added if CONTROL_TOKEN.fullmatch(token.content)),
            *(str(token) for token in tokenizer.all_special_tokens),
        }


def _chat_template(tokenizer: PreTrainedTokenizerBase, *, model_name: str) -> ChatTemplate | None:
    source = tokenizer.chat_template
    if isinstance(source, Mapping):
        # Several of them, by what they are for.
        source = source.get("default")
    if not source:
        return None
    special_tokens = {name: str(token) for name, token in tokenizer.special_tokens_map.items()}
    template = ChatTemplate(source, special_tokens=special_tokens, model_name=model_name)
    template.begin()
    return template
