"""Which tokens may go on a name."""

import numpy as np
import pytest

from codeface_jupyter.engines.text.guided import GuidedChoice
from codeface_jupyter.engines.text.vocabulary import Vocabulary
from codeface_jupyter.infilling import NextName

# As byte-level tokenizers write them: a space is Ġ, and é takes two bytes.
TOKENS = ["re", "region", "gion", "venue", '"', '"]', '"].', "].", "(", "reg", "x", "Ġre", "Ã", "©"]
IDS = {text: number for number, text in enumerate(TOKENS)}


def allowed(*options, typed="", closing='"'):
    name = NextName(options=frozenset(options), typed=typed, closing=closing)
    return {TOKENS[token_id] for token_id in Vocabulary(IDS).allowed(name)}


def test_a_token_begins_one_of_the_names():
    assert allowed("region", "revenue") == {"re", "reg", "region"}


def test_what_is_typed_is_gone_on_with():
    assert allowed("region", "revenue", typed="re") == {"gion", "venue"}


def test_a_name_in_quotes_is_closed_by_its_quote():
    assert allowed("region", typed="region") == {'"', '"]', '"].'}


def test_an_attribute_ends_where_no_letter_follows():
    assert allowed("re", typed="re", closing="") == {'"', '"]', '"].', "].", "(", "Ġre"}
    assert "x" not in allowed("re", typed="re", closing="")


def test_a_longer_name_may_follow_a_shorter_one():
    assert {"gion", "("} <= allowed("re", "region", typed="re", closing="")


def test_a_letter_of_two_bytes_takes_two_tokens():
    assert allowed("é") == {"Ã"}


class OneName:
    """Allows one name at the beginning."""

    def next_name(self, text):
        return NextName(options=frozenset({"region"}), typed="", closing='"') if not text else None

    def is_complete(self, text):
        return False


def choice(text=""):
    return GuidedChoice(OneName(), vocabulary=lambda: Vocabulary(IDS), text=lambda: text)


def test_what_is_not_allowed_is_ruled_out_and_the_likelihood_is_among_the_rest():
    guided = choice()
    logits = np.zeros(len(TOKENS), dtype=np.float32)
    logits[IDS["x"]] = 50
    narrowed = guided.narrowed(logits)
    guided.note(narrowed, IDS["region"])

    assert np.isneginf(narrowed[IDS["x"]])
    assert guided.likelihood == pytest.approx(1 / 3)
    assert logits[IDS["x"]] == 50


def test_where_anything_may_come_logits_stay_as_they_are():
    logits = np.zeros(len(TOKENS), dtype=np.float32)

    assert choice("x = 1").narrowed(logits) is logits
