"""A checkpoint's tokenizer without transformers, whose import takes longer than a short answer.

`FastTokenizer` reads the files that transformers writes and answers the few questions that
`codeface_jupyter.engines.text.prompt_codec.PromptCodec` asks, under transformers' names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codeface_jupyter.errors import ModelFilesError
from codeface_jupyter.models.tokenizer_files import chat_template, tokenizer_settings

if TYPE_CHECKING:
    from tokenizers import AddedToken, Tokenizer

__all__ = ["FastTokenizer"]

TOKENIZER_FILE = "tokenizer.json"
SPECIAL_TOKENS = ("bos_token", "eos_token", "pad_token", "unk_token")


class FastTokenizer:
    """A tokenizer of the ``tokenizers`` package with its chat template.

    Parameters
    ----------
    tokenizer
        The tokenizer itself.
    chat_template
        Jinja's source of the chat template; None for a base model.
    special_tokens
        The text of ``bos_token``, ``eos_token`` … where they are known.

    Attributes
    ----------
    chat_template
        As given.
    special_tokens_map
        The special tokens.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        chat_template: str | None,
        special_tokens: Mapping[str, str],
    ) -> None:
        self.chat_template = chat_template
        self._tokenizer = tokenizer
        self.special_tokens_map = dict(special_tokens)

    @property
    def backend_tokenizer(self) -> Tokenizer:
        """The tokenizer itself."""
        return self._tokenizer

    @staticmethod
    def is_in(folder: Path) -> bool:
        """Whether ``folder`` holds a tokenizer of this kind."""
        return (folder / TOKENIZER_FILE).is_file()

    @classmethod
    def from_folder(cls, folder: Path) -> FastTokenizer | None:
        """Read the tokenizer of a model's folder; None if it has none of this kind.

        Raises
        ------
        ModelFilesError
            If its files are broken.
        """
        file = folder / TOKENIZER_FILE
        if not cls.is_in(folder):
            return None
        from tokenizers import Tokenizer

        try:
            tokenizer = Tokenizer.from_file(str(file))
        except Exception as error:
            # The package raises nothing more specific.
            raise ModelFilesError(
                f"{file} is not a readable tokenizer: {error}.", hint="Fetch the model again."
            ) from error
        # The file may hold the truncation and padding of a training run.
        tokenizer.no_truncation()
        tokenizer.no_padding()
        settings = tokenizer_settings(folder)
        return cls(
            tokenizer,
            chat_template=chat_template(folder, settings),
            special_tokens=_special_tokens(settings),
        )

    @property
    def bos_token_id(self) -> int | None:
        """The id of the beginning-of-text token."""
        return self._special_id("bos_token")

    @property
    def eos_token_id(self) -> int | None:
        """The id of the end-of-text token."""
        return self._special_id("eos_token")

    @property
    def all_special_ids(self) -> list[int]:
        """The ids of the named special tokens."""
        ids = (self._special_id(name) for name in SPECIAL_TOKENS)
        return sorted({token_id for token_id in ids if token_id is not None})

    @property
    def all_special_tokens(self) -> list[str]:
        """The texts of the named special tokens."""
        return sorted(set(self.special_tokens_map.values()))

    @property
    def added_tokens_decoder(self) -> Mapping[int, AddedToken]:
        """The tokens added to the vocabulary, by id."""
        decoder: Mapping[int, AddedToken] = self._tokenizer.get_added_tokens_decoder()
        return decoder

    def get_added_vocab(self) -> dict[str, int]:
        """Return the ids of the tokens added to the vocabulary."""
        return {token.content: number for number, token in self.added_tokens_decoder.items()}

    def encode(self, text: str, *, add_special_tokens: bool = True) -> list[int]:
        """Return the token ids of ``text``."""
        return list(self._tokenizer.encode(text, add_special_tokens=add_special_tokens).ids)

    def decode(self, ids: Sequence[int], **_: object) -> str:
        """Return the text of ``ids``, specials included, nothing cleaned up."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=False))

    def _special_id(self, name: str) -> int | None:
        token = self.special_tokens_map.get(name)
        token_id: int | None = None if token is None else self._tokenizer.token_to_id(token)
        return token_id


def _special_tokens(settings: Mapping[str, Any]) -> dict[str, str]:
    tokens = {name: settings.get(name) for name in SPECIAL_TOKENS}
    texts = {
        name: token.get("content") if isinstance(token, Mapping) else token
        for name, token in tokens.items()
    }
    return {name: text for name, text in texts.items() if isinstance(text, str)}
