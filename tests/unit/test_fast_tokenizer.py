"""The tokenizer without transformers: the same tokens, the same layout, clear refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from codeface_jupyter.engines.text.fast_tokenizer import FastTokenizer
from codeface_jupyter.engines.text.prompt_codec import PromptCodec
from codeface_jupyter.errors import ModelFilesError
from codeface_jupyter.prompts import Prompt

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def write_tokenizer(folder: Path, *, template: str | None = TEMPLATE, **settings: object) -> Path:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: n for n, letter in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    specials = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
    tokenizer.add_special_tokens([AddedToken(text, special=True) for text in specials])
    tokenizer.enable_truncation(4)
    tokenizer.save(str(folder / "tokenizer.json"))
    values = {"eos_token": "<|im_end|>", "pad_token": {"content": "<|endoftext|>"}} | settings
    (folder / "tokenizer_config.json").write_text(json.dumps(values))
    if template is not None:
        (folder / "chat_template.jinja").write_text(template)
    return folder


def read(folder: Path) -> FastTokenizer:
    tokenizer = FastTokenizer.from_folder(folder)
    assert tokenizer is not None
    return tokenizer


def test_text_comes_back_whole_whatever_length_training_cut_it_to(tmp_path: Path) -> None:
    tokenizer = read(write_tokenizer(tmp_path))
    text = "für élève 中文 and more<|im_end|>"
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text


def test_special_tokens_are_known_by_name_and_by_mark(tmp_path: Path) -> None:
    tokenizer = read(write_tokenizer(tmp_path))
    added = tokenizer.get_added_vocab()
    assert tokenizer.eos_token_id == added["<|im_end|>"]
    assert tokenizer.bos_token_id is None
    assert tokenizer.all_special_ids == sorted([added["<|endoftext|>"], added["<|im_end|>"]])
    assert all(token.special for token in tokenizer.added_tokens_decoder.values())


@pytest.mark.parametrize(
    "setting", ["{{ messages[-1].role }}!", [{"name": "default", "template": "{{ eos_token }}"}]]
)
def test_a_template_among_the_settings_is_found(setting: object, tmp_path: Path) -> None:
    tokenizer = read(write_tokenizer(tmp_path, template=None, chat_template=setting))
    text = PromptCodec(tokenizer, model_name="m").format_prompt(Prompt(request="Plot it"))
    assert text in {"user!", "<|im_end|>"}


def test_a_base_model_has_no_template(tmp_path: Path) -> None:
    tokenizer = read(write_tokenizer(tmp_path, template=None))
    assert not PromptCodec(tokenizer, model_name="base").is_chat


def test_a_folder_without_one_has_none(tmp_path: Path) -> None:
    assert FastTokenizer.from_folder(tmp_path) is None


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
def test_a_broken_file_is_named(name: str, tmp_path: Path) -> None:
    (write_tokenizer(tmp_path) / name).write_text("{ not JSON")
    with pytest.raises(ModelFilesError, match=name):
        FastTokenizer.from_folder(tmp_path)
