"""How a gap in code is laid out for the models that were trained to fill one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from codeface_jupyter.infilling import InfillPrompt

__all__ = ["InfillLayout", "infill_text"]


@dataclass(frozen=True)
class InfillLayout:
    """The control tokens of one family; texts without them would be read as code.

    Attributes
    ----------
    prefix, suffix, middle
        Before the text before the gap, before the text after it, and where the gap's text is
        to begin.
    repository, file
        Before the name of a project and before each file of it; empty where the family has
        no form for several files.
    """

    prefix: str
    suffix: str
    middle: str
    repository: str = ""
    file: str = ""

    @classmethod
    def of(cls, vocabulary: Collection[str]) -> InfillLayout | None:
        """Return the layout whose tokens a tokenizer has; None if it has none of them.

        Parameters
        ----------
        vocabulary
            The texts of its control tokens.
        """
        for layout in LAYOUTS:
            if all(token in vocabulary for token in (layout.prefix, layout.suffix, layout.middle)):
                has_files = layout.repository in vocabulary and layout.file in vocabulary
                return layout if has_files else cls(layout.prefix, layout.suffix, layout.middle)
        return None

    def text(self, prompt: InfillPrompt, *, defused: Callable[[str], str]) -> str:
        """Return the text that the model continues with what fills the gap.

        What changes least comes first, so that engines have most of it in their KV cache.

        Parameters
        ----------
        defused
            Returns a text in which nothing is a control token.
        """
        return "".join(self._parts(prompt, defused))

    def _parts(self, prompt: InfillPrompt, defused: Callable[[str], str]) -> Iterator[str]:
        prefix = prompt.prefix
        if self.file:
            yield f"{self.repository}notebook"
            for number, source in enumerate(prompt.files, start=1):
                yield f"\n{self.file}cell_{number}.py\n{defused(source)}"
            yield f"\n{self.file}cell_{len(prompt.files) + 1}.py\n"
        else:
            prefix = "\n\n".join((*prompt.files, prefix))
        yield f"{self.prefix}{defused(prefix)}{self.suffix}{defused(prompt.suffix)}{self.middle}"


def infill_text(
    prompt: InfillPrompt, *, layout: InfillLayout | None, defused: Callable[[str], str]
) -> str:
    """Return the text that a model continues with what fills a gap.

    Parameters
    ----------
    prompt
        The gap.
    layout
        None for a base model that was not trained to fill gaps: it goes on with what is before.
    defused
        Returns a text in which nothing is a control token.
    """
    if layout is None:
        return defused("\n\n".join((*prompt.files, prompt.prefix)))
    return layout.text(prompt, defused=defused)


# By families: Qwen2.5-Coder (arXiv 2409.12186), CodeGemma, StarCoder 2 and its like, StarCoder and
# SantaCoder, DeepSeek Coder, Code Llama.
LAYOUTS = (
    InfillLayout(
        "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|repo_name|>", "<|file_sep|>"
    ),
    InfillLayout("<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<repo_name>", "<file_sep>"),
    InfillLayout("<fim-prefix>", "<fim-suffix>", "<fim-middle>"),
    InfillLayout(
        "<\uff5cfim\u2581begin\uff5c>", "<\uff5cfim\u2581hole\uff5c>", "<\uff5cfim\u2581end\uff5c>"
    ),
    InfillLayout("\u2581<PRE>", "\u2581<SUF>", "\u2581<MID>"),
)
