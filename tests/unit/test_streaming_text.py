"""Text streams in whole characters, ends at stop strings, and loses nothing."""

import regex
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from codeface_jupyter.engines.text.streaming_text import (
    AnswerWriter,
    IncrementalDetokenizer,
    TextFilter,
)
from codeface_jupyter.generation import Chunk, GenerationMetrics
from codeface_jupyter.jobs import Job

# Plain letters, what stop strings begin with, and everything that clusters: combining marks,
# emoji with modifiers and joiners, flags, conjuncts, Hangul syllables, line ends.
PIECES = [*"abc#`\n\r\té ", "e\u0301", "\u0301", "👩", "\u200d", "👩\u200d💻", "🏽", "🇩", "🇪"]
PIECES += ["क\u094dष", "\u094d", "한", "\u1112", "\u1161", "```", "\u200b", "\ufffd", "中"]
TEXTS = st.lists(st.sampled_from(PIECES) | st.characters(exclude_categories=["Cs"]), max_size=30)
STOP_STRINGS = st.lists(st.sampled_from(["```", "abc", "bc", "\n#", "e", "👩", "a a"]), max_size=3)


def clusters(text: str) -> list[str]:
    return regex.findall(r"\X", text)


def cut(text: str, stop_strings: list[str]) -> str:
    """The text up to the stop string that is complete first."""
    found = [
        (text.find(stop) + len(stop), text.find(stop)) for stop in stop_strings if stop in text
    ]
    return text[: min(found)[1]] if found else text


def filtered(pieces: list[str], stop_strings: list[str]) -> list[str]:
    text_filter = TextFilter(stop_strings=stop_strings)
    return [*(text_filter.add(piece) for piece in pieces), text_filter.finish()]


class TestTextFilter:
    @given(pieces=TEXTS, stop_strings=STOP_STRINGS)
    def test_chunks_join_to_the_text_before_the_first_stop_string(self, pieces, stop_strings):
        chunks = filtered(pieces, stop_strings)
        assert "".join(chunks) == cut("".join(pieces), stop_strings)

    @given(pieces=TEXTS, stop_strings=STOP_STRINGS)
    def test_no_chunk_begins_inside_a_grapheme_cluster(self, pieces, stop_strings):
        chunks = filtered(pieces, stop_strings)
        assert [c for chunk in chunks for c in clusters(chunk)] == clusters("".join(chunks))

    def test_a_line_is_shown_as_soon_as_it_ends(self):
        text_filter = TextFilter()
        assert text_filter.add("x = 1\n") == "x = 1\n"

    def test_a_carriage_return_waits_for_its_line_feed(self):
        text_filter = TextFilter()
        assert text_filter.add("x\r") == "x"
        assert text_filter.add("\n") == "\r\n"

    def test_only_the_last_character_waits(self):
        text_filter = TextFilter(stop_strings=["END"])
        assert text_filter.add("abc") == "ab"

    def test_the_beginning_of_a_stop_string_waits_and_comes_when_it_was_none(self):
        text_filter = TextFilter(stop_strings=["\n# In["])
        assert text_filter.add("x\n# I") == "x"
        assert text_filter.add("dea: ") == "\n# Idea:"
        assert not text_filter.is_stopped

    def test_an_emoji_that_comes_in_two_halves_is_one_character(self):
        text_filter = TextFilter(stop_strings=["END"])
        assert text_filter.add("a\ud83d") == ""
        assert text_filter.add("\ude00b") + text_filter.finish() == "a😀b"

    def test_a_half_character_is_replaced_and_nothing_is_lost(self):
        assert (
            "".join(filtered(["a\ud83d", "b", "\ude00", "c\ud83d"], [])) == "a\ufffdb\ufffdc\ufffd"
        )

    def test_no_half_character_follows_a_stop_string(self):
        assert filtered(["a END \ud83d"], ["END"]) == ["a ", ""]

    def test_endless_combining_marks_are_not_read_again_and_again(self):
        text_filter = TextFilter()
        shown = [text_filter.add("\u0301") for _ in range(2_000)]
        assert "".join(shown) + text_filter.finish() == "\u0301" * 2_000
        assert max(map(len, shown)) < 200

    def test_nothing_follows_a_stop_string(self):
        text_filter = TextFilter(stop_strings=["END"])
        assert text_filter.add("a END b") == "a "
        assert text_filter.is_stopped
        assert text_filter.add("more") + text_filter.finish() == ""


def byte_level_tokenizer() -> Tokenizer:
    """Every byte is a token, as in the tail of GPT-2's vocabulary."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({c: i for i, c in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<s>"])
    return tokenizer


def byte_fallback_tokenizer() -> Tokenizer:
    """Words with a marker for the space, bytes for all else, as in Llama 2's vocabulary."""
    words = ["▁def", "▁x", "▁", "x", ":"]
    vocabulary = {f"<0x{byte:02X}>": byte for byte in range(256)}
    vocabulary |= {word: 256 + i for i, word in enumerate(words)}
    tokenizer = Tokenizer(models.BPE(vocabulary, [], byte_fallback=True))
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    return tokenizer


BYTE_LEVEL, BYTE_FALLBACK = byte_level_tokenizer(), byte_fallback_tokenizer()
SPECIAL_ID = BYTE_LEVEL.token_to_id("<s>")


def detokenized(tokenizer: Tokenizer, ids: list[int], **options) -> list[str]:
    detokenizer = IncrementalDetokenizer(
        lambda ids: tokenizer.decode(ids, skip_special_tokens=False), **options
    )
    return [*(detokenizer.add([token_id]) for token_id in ids), detokenizer.finish()]


class TestIncrementalDetokenizer:
    @given(text=TEXTS.map("".join))
    def test_characters_come_whole_whatever_their_bytes(self, text):
        pieces = detokenized(BYTE_LEVEL, BYTE_LEVEL.encode(text).ids)
        assert "".join(pieces) == text
        assert "\ufffd" in text or not any("\ufffd" in piece for piece in pieces)

    @given(ids=st.lists(st.integers(0, 256)))
    def test_any_tokens_join_to_their_decoded_text(self, ids):
        pieces = detokenized(BYTE_LEVEL, ids, special_ids=[SPECIAL_ID])
        assert "".join(pieces) == BYTE_LEVEL.decode(ids, skip_special_tokens=True)

    @given(text=TEXTS.map("".join))
    def test_byte_fallback_joins_to_the_text(self, text):
        text = text.replace("\ufffd", "")  # this decoder writes it for unfinished characters
        space = BYTE_FALLBACK.token_to_id("▁")
        ids = [space if byte == ord(" ") else byte for byte in text.encode()]
        pieces = detokenized(BYTE_FALLBACK, [260, *ids])
        assert "".join(pieces) == ":" + text

    def test_a_character_comes_with_its_last_byte(self):
        pieces = detokenized(BYTE_LEVEL, BYTE_LEVEL.encode("a👩b").ids)
        assert pieces == ["a", "", "", "", "👩", "b", ""]

    def test_a_character_that_is_never_completed_shows_as_one_replacement(self):
        ids = BYTE_LEVEL.encode("a👩").ids[:-1]
        assert "".join(detokenized(BYTE_LEVEL, ids)) == "a\ufffd"

    def test_bytes_that_are_no_text_are_shown_before_the_answer_ends(self):
        continuation_byte = BYTE_LEVEL.encode("é").ids[1]
        *pieces, rest = detokenized(BYTE_LEVEL, [continuation_byte] * 50)
        assert "".join(pieces) == "\ufffd" * 47
        assert rest == "\ufffd" * 3

    def test_a_special_token_between_words_takes_no_space_away(self):
        pieces = detokenized(BYTE_FALLBACK, [256, 258, 257], special_ids=[258])
        assert "".join(pieces) == "def x"

    def test_an_answer_keeps_the_space_that_continues_the_prompt(self):
        # An indented line after "def x:" is a syntax error with a space less.
        pieces = detokenized(BYTE_FALLBACK, [258, 257], prompt_ids=[256, 257, 260])
        assert "".join(pieces) == "  x"

    def test_a_shown_character_stays_when_stray_bytes_follow_it(self):
        ids = [*"中".encode(), 0xFF, 256]
        assert "".join(detokenized(BYTE_FALLBACK, ids)) == "中\ufffd def"


class TestAnswerWriter:
    def test_chunks_carry_the_tokens_so_far_and_done_the_counts(self):
        events = []
        writer = AnswerWriter(Job(events.append), stop_strings=["END"])
        writer.write("one\n")
        writer.write("")
        writer.write("two\n")
        done = writer.done("stop", metrics=GenerationMetrics(prompt_tokens=7))
        assert events == [Chunk("one\n", 1), Chunk("two\n", 3)]
        metrics = done.metrics
        assert (metrics.prompt_tokens, metrics.generated_tokens) == (7, 3)
        assert metrics.time_to_first_token_s >= 0
        assert metrics.decode_s >= 0

    def test_an_empty_answer_has_no_chunk(self):
        events = []
        done = AnswerWriter(Job(events.append)).done("stop")
        assert events == []
        assert done.metrics.generated_tokens == 0
        assert done.metrics.decode_s == 0

    def test_held_back_text_comes_at_the_end(self):
        events = []
        writer = AnswerWriter(Job(events.append), stop_strings=["```"])
        writer.write("a``")
        writer.done("length")
        assert "".join(chunk.text for chunk in events) == "a``"
