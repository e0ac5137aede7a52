"""From a GGUF to what a model's folder holds besides weights: configuration and tokenizer.

Made once after the file was fetched. The weights stay in the GGUF until an engine needs them
in another form.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from codeface_jupyter.errors import ModelFilesError
from codeface_jupyter.jobs import Job, Step
from codeface_jupyter.models.conversion.gguf_tensors import stored_tensors
from codeface_jupyter.models.conversion.manifest import read_manifest, write_manifest
from codeface_jupyter.models.end_tokens import end_token_ids
from codeface_jupyter.models.gguf_header import GgufHeader, read_gguf_header
from codeface_jupyter.models.storage import new_folder

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerBase

__all__ = ["CONVERTER_VERSION", "describe_gguf", "is_made_of"]

# To be raised when folders of earlier versions must be made again.
CONVERTER_VERSION = 1
SUPPORTED_ARCHITECTURES = ("llama", "qwen2")
# Two quantizations of one matrix are closer than this; two trained matrices are far from it.
SAME_MATRIX_COSINE = 0.95
SAMPLED_ROWS = slice(64)


def is_made_of(folder: Path, *, sha256: str) -> bool:
    """Whether ``folder`` was made of the GGUF with that digest, and is complete."""
    manifest = read_manifest(folder, converter_version=CONVERTER_VERSION)
    return manifest is not None and manifest.get("source_sha256") == sha256


def describe_gguf(gguf: Path, target: Path, *, sha256: str, job: Job) -> None:
    """Write configuration, tokenizer and chat template of ``gguf`` into a folder.

    The folder appears under its name only when it is complete; what an interrupted run left
    behind is removed.

    Parameters
    ----------
    gguf, target
        The file to read and the folder to make.
    sha256
        The file's digest, kept in the manifest as the model's origin.
    job
        Reports progress and may stop the work.

    Raises
    ------
    ModelFilesError
        If the file is not a GGUF, or of an architecture that is not supported.
    """
    with new_folder(target) as work:
        job.in_step(Step.CONVERT).progress(f"Reading {gguf.name}")
        source = read_gguf_header(gguf)
        if source.architecture not in SUPPORTED_ARCHITECTURES:
            raise ModelFilesError(
                f"{gguf} holds a {source.architecture} model, which cannot be converted; "
                f"supported are {', '.join(SUPPORTED_ARCHITECTURES)}.",
                hint="Use the model's safetensors from the hub instead.",
            )
        config = _config(source, tie_word_embeddings=_output_repeats_embedding(gguf))
        job.check()
        tokenizer = _tokenizer(gguf)
        job.check()
        _save_settings(config, tokenizer, work)
        facts = _source_facts(gguf, sha256=sha256)
        write_manifest(work, converter_version=CONVERTER_VERSION, facts=facts)


def _source_facts(gguf: Path, *, sha256: str) -> dict[str, str]:
    """Return what the manifest says of where the folder's files come from."""
    import transformers

    return {
        "source": gguf.name,
        "source_sha256": sha256,
        "transformers_version": transformers.__version__,
    }


def _config(source: GgufHeader, *, tie_word_embeddings: bool) -> PretrainedConfig:
    """Return the model's configuration."""
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoConfig

    with tempfile.TemporaryDirectory(prefix="codeface-") as folder:
        # Without the vocabulary: transformers takes ten seconds to read it, and needs none here.
        _write_settings(source, Path(folder) / "settings.gguf")
        config = AutoConfig.from_pretrained(folder, gguf_file="settings.gguf")
    config.architectures = [MODEL_FOR_CAUSAL_LM_MAPPING[type(config)].__name__]
    config.dtype = "bfloat16"
    config.name_or_path = ""
    config.tie_word_embeddings = tie_word_embeddings
    return config


def _write_settings(source: GgufHeader, file: Path) -> None:
    """Write a GGUF with the same settings, but without lists and tensors."""
    from gguf import GGUFValueType, GGUFWriter

    kinds = {
        bool: GGUFValueType.BOOL,
        int: GGUFValueType.INT64,
        float: GGUFValueType.FLOAT64,
        str: GGUFValueType.STRING,
    }
    writer = GGUFWriter(file, source.architecture)
    for name, value in source.metadata.items():
        if type(value) in kinds and name != "general.architecture":
            writer.add_key_value(name, value, kinds[type(value)])
    vocabulary = f"{source.architecture}.vocab_size"
    if vocabulary not in source.metadata:
        writer.add_uint32(vocabulary, source.tensors["token_embd.weight"].shape[0])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def _tokenizer(gguf: Path) -> PreTrainedTokenizerBase:
    """Return the tokenizer with its chat template."""
    # `AutoTokenizer` would read the whole header twice more, to choose a class.
    from transformers import PreTrainedTokenizerFast

    tokenizer: PreTrainedTokenizerBase = PreTrainedTokenizerFast.from_pretrained(
        gguf.parent, gguf_file=gguf.name
    )
    return tokenizer


def _output_repeats_embedding(gguf: Path) -> bool:
    """Whether output and embedding are one matrix, apart from its quantization."""
    import numpy as np

    tensors = stored_tensors(gguf)
    output, embedding = tensors.get("output.weight"), tensors["token_embd.weight"]
    if output is None:
        return True
    # Both have shape [vocabulary, hidden]; the first tokens tell.
    a, b = output.rows(SAMPLED_ROWS).ravel(), embedding.rows(SAMPLED_ROWS).ravel()
    if a.shape != b.shape:
        return False
    cosine = float(np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b) + 1e-12))
    return cosine > SAME_MATRIX_COSINE


def _save_settings(
    config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase, work: Path
) -> None:
    from transformers import GenerationConfig

    stops = _stop_token_ids(tokenizer)
    # Without sampling parameters, which are each request's choice.
    generation = GenerationConfig(
        bos_token_id=config.bos_token_id,
        eos_token_id=stops,
        pad_token_id=tokenizer.pad_token_id if tokenizer.pad_token_id is not None else stops[0],
    )
    tokenizer.save_pretrained(work)
    config.save_pretrained(work)
    generation.save_pretrained(work)


def _stop_token_ids(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Return the ids that end an answer: the tokenizer's own first, then the usual ones."""
    vocabulary = tokenizer.get_vocab()
    own = [vocabulary[tokenizer.eos_token]] if tokenizer.eos_token in vocabulary else []
    return list(dict.fromkeys([*own, *end_token_ids(vocabulary)]))
