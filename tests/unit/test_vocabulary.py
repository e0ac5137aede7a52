"""Which tokens may go on a name."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeface_jupyter.engines.text.guided import GuidedChoice, GuidedText
from codeface_jupyter.engines.text.vocabulary import NameContinuations, Vocabulary
from codeface_jupyter.infilling import InfillPrompt, InfillRequest, NextName

# As byte-level tokenizers write them: a space is Ġ, and é takes two bytes.
TOKENS = [
    *("re", "region", "gion", "venue", '"', '"]', '"].', "].", "(", "reg", "x", "Ġre", "Ã", "©"),
    *("=", '="', "Ġ=", ")", ").", "Ġ", "ĠĠ"),
]
IDS = {text: number for number, text in enumerate(TOKENS)}


def allowed(*options, typed="", closing='"', instead=()):
    terms = {"typed": typed, "closing": closing, "instead": frozenset(instead)}
    name = NextName(options=frozenset(options), **terms)
    return {TOKENS[token_id] for token_id in Vocabulary(IDS).allowed(name)}


def test_a_token_begins_one_of_the_names():
    assert allowed("region", "revenue") == {"re", "reg", "region"}


def test_what_is_typed_is_gone_on_with():
    assert allowed("region", "revenue", typed="re") == {"gion", "venue"}


def test_a_name_in_quotes_is_closed_by_its_quote():
    assert allowed("region", typed="region") == {'"', '"]', '"].'}


def test_an_attribute_ends_where_no_letter_follows():
    assert allowed("re", typed="re", closing="") >= {'"', '"]', '"].', "].", "(", "Ġre"}
    assert "x" not in allowed("re", typed="re", closing="")


def test_a_longer_name_may_follow_a_shorter_one():
    assert {"gion", "("} <= allowed("re", "region", typed="re", closing="")


def test_what_may_stand_instead_of_a_name_is_gone_on_with_by_anything():
    assert allowed("region", closing="=", instead={")", " region=", "  )"}) == {
        *("re", "reg", "region", ")", ").", "Ġ", "Ġre", "ĠĠ"),
    }
    assert allowed("region", typed="region", closing="=", instead={"region ="}) == {
        *("=", '="', "Ġ=", "Ġ"),
    }


def test_a_letter_of_two_bytes_takes_two_tokens():
    assert allowed("é") == {"Ã"}
    choice = guided(names={"éa", "éb"})
    choice.note(choice.narrowed(logits_for("Ã", odds=1)), IDS["Ã"])
    choice.written.add("")

    assert possible(choice) == {"©"}
    name = NextName(options=frozenset({"éa", "éb"}), typed="", closing='"', pending=b"\xc3")
    assert NameContinuations(name).include(b"\xa9")
    assert not NameContinuations(name).include(b"\xc3")
    assert replace(name, options=frozenset({"é"})).settled == ""


def test_where_nothing_has_to_follow_a_name_it_may_be_the_end():
    end = len(TOKENS)
    vocabulary = Vocabulary(IDS, end_ids=[end])

    def may_end(**more):
        name = NextName(options=frozenset({"region", "re"}), **more)
        in_mask = end in vocabulary.allowed(name)
        assert NameContinuations(name).include(b"") == in_mask
        return in_mask

    assert may_end(typed="region")
    assert may_end(typed="re")
    assert not may_end(typed="reg")
    assert not may_end(typed="region", closing='"')


@given(
    options=st.frozensets(st.text("regionv_é", min_size=1, max_size=8), min_size=1, max_size=4),
    typed=st.integers(0, 4),
    closing=st.sampled_from(["", '"', "'", "="]),
    instead=st.frozensets(st.text("re )=", min_size=1, max_size=4), max_size=3),
)
def test_a_single_token_is_judged_as_among_all(options, typed, closing, instead):
    begun = min(options)[:typed]
    name = NextName(options=options, typed=begun, closing=closing, instead=instead - {begun})
    found = set(Vocabulary(IDS).allowed(name).tolist())

    assert {
        IDS[token]
        for token in TOKENS
        if NameContinuations(name).include(token.replace("Ġ", " ").encode("latin-1"))
    } == found


@pytest.mark.parametrize(
    ("options", "typed", "settled"),
    [({"region", "revenue"}, "re", ""), ({"region", "revenue"}, "reg", "ion"), ({"a"}, "a", "")],
)
def test_a_name_is_settled_when_only_one_can_be_meant(options, typed, settled):
    assert NextName(options=frozenset(options), typed=typed).settled == settled


def test_a_name_is_not_settled_while_something_else_may_stand_there():
    names = frozenset({"region"})

    assert NextName(options=names, typed="", instead=frozenset({")"})).settled == ""
    assert NextName(options=names, typed="re", instead=frozenset({"region ="})).settled == "gion"


class Names:
    """Allows some names at the beginning."""

    def __init__(self, names):
        self._names = frozenset(names)

    def next_name(self, text):
        return NextName(options=self._names, typed="", closing='"') if not text else None

    def is_complete(self, text):
        return False


def guided(*, min_likelihood=0.0, names=("region",)):
    guide = Names(names)
    request = InfillRequest(prompt=InfillPrompt(), guide=guide, min_likelihood=min_likelihood)
    return GuidedChoice(GuidedText(request), vocabulary=lambda: Vocabulary(IDS))


def logits_for(token, *, odds):
    """Return logits by which a token is so many times as likely as all others together."""
    logits = np.zeros(len(TOKENS), dtype=np.float32)
    logits[IDS[token]] = np.log(odds * (len(TOKENS) - 1))
    return logits


def possible(choice):
    """Return the tokens that a choice leaves."""
    left = choice.narrowed(logits_for("x", odds=1))
    return {token for token in TOKENS if np.isfinite(left[IDS[token]])}


def test_what_is_not_allowed_is_ruled_out_and_the_likelihood_is_among_the_rest():
    choice = guided()
    logits = logits_for("x", odds=1e9)
    before = logits.copy()
    narrowed = choice.narrowed(logits)
    choice.note(narrowed, IDS["region"])

    assert np.isneginf(narrowed[IDS["x"]])
    assert choice.written.likelihood == pytest.approx(1 / 3)
    assert (logits == before).all()


def test_where_anything_may_come_logits_stay_as_they_are():
    choice = guided()
    choice.written.add("x = 1")
    logits = logits_for("x", odds=1)

    assert choice.narrowed(logits) is logits


def add(choice, text, *, odds):
    choice.note(logits_for("x", odds=odds), IDS["x"])
    return choice.written.add(text)


def test_a_line_that_is_too_unlikely_ends_it_and_is_not_part_of_it():
    choice = guided(min_likelihood=0.4)

    assert not add(choice, "total = 1", odds=9)
    assert not add(choice, "\n", odds=9)
    assert not add(choice, "more", odds=1)
    assert add(choice, " = 2", odds=1)
    assert choice.written.text == "total = 1"
    assert choice.written.likelihood == pytest.approx(0.25)


def test_each_line_is_weighed_by_itself():
    choice = guided(min_likelihood=0.4)
    for line in ("\n    a", "\n    b", "\n    c"):
        assert not add(choice, line, odds=2)

    assert choice.written.text == "\n    a\n    b\n    c"


def test_of_an_unlikely_first_line_nothing_is_left():
    choice = guided(min_likelihood=0.4)

    assert add(choice, "total", odds=0.1)
    assert choice.written.text == ""
