"""Completions by llama.cpp's server, as its events come: what is taken, asked on, waited for."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from codeface_jupyter.engines.llamacpp.infill import GapFiller
from codeface_jupyter.engines.text.vocabulary import NameContinuations
from codeface_jupyter.infilling import InfillPrompt, InfillRequest, NextName, Unguided
from codeface_jupyter.jobs import Cancelled, Job

PROGRESS = {"prompt_progress": {"total": 2, "cache": 0, "processed": 2, "time_ms": 1}}
LIMIT = {"stop": True, "stop_type": "limit"}
END = {"stop": True, "stop_type": "eos"}
PASS_S = 0.05


def token(*texts):
    """Return the event of the first text, beside others that are less and less likely."""
    named = [
        {"id": sum(text.encode()), "bytes": list(text.encode()), "logprob": -float(place)}
        for place, text in enumerate(texts)
    ]
    return {"completion_probabilities": [{**named[0], "top_logprobs": named}]}


class Server:
    """Plays one stream of events after another, and remembers what it was asked, and when."""

    def __init__(self, *streams):
        self._streams = list(streams)
        self.bodies, self.asked_at, self.left_at = [], [], []

    @asynccontextmanager
    async def stream(self, body):
        self.bodies.append(dict(body, prompt=list(body["prompt"])))
        self.asked_at.append(time.monotonic())
        yield self._play(self._streams.pop(0))
        self.left_at.append(time.monotonic())

    async def _play(self, events):
        for event in events:
            if "completion_probabilities" in event:
                await asyncio.sleep(PASS_S)
            yield event

    def tokenize(self, text, *, is_prompt):
        assert not is_prompt
        return [1000 + len(text)]


class Names:
    """Allows names where the text is empty."""

    def __init__(self, *options):
        self._options = frozenset(options)

    def next_name(self, text):
        return None if text in self._options else NextName(options=self._options, typed=text)

    def is_complete(self, text):
        return text in self._options


def fill(server, job=None, **more):
    running = SimpleNamespace(connection=server, infill_ids=lambda _: (1, 2))
    filler = GapFiller(running)
    return filler.fill(InfillRequest(prompt=InfillPrompt(), **more), job or Job())


def test_what_is_streamed_is_taken_to_its_end():
    server = Server([PROGRESS, token("a"), token("b"), END])
    found = fill(server, guide=Unguided())

    assert (found.text, found.finish_reason, len(server.bodies)) == ("ab", "stop", 1)
    assert found.metrics.generated_tokens == 2


def test_another_token_than_the_streamed_one_is_asked_on_from():
    server = Server([PROGRESS, token("x", "re", "q"), LIMIT], [PROGRESS, token("z", "gion"), LIMIT])
    found = fill(server, guide=Names("region", "revenue"))

    assert found.text == "region"
    assert [body["n_predict"] for body in server.bodies] == [1, 1]
    assert server.bodies[1]["prompt"] == [1, 2, sum(b"re")]


def test_a_name_that_alone_can_be_meant_takes_no_pass():
    server = Server([PROGRESS, token("x", "reg"), LIMIT])
    found = fill(server, guide=Names("region", "revenue"))

    assert (found.text, len(server.bodies)) == ("region", 1)


def test_the_server_gets_a_pass_to_leave_a_stream_and_none_after_one_that_ended():
    guide = Names("ab", "cd")
    guide.next_name = lambda text: Names("xy", "xz").next_name("x") if text == "aa" else None
    guide.is_complete = lambda text: text == "aay"
    # The third token is not one of the names: the stream is left.
    server = Server([PROGRESS, token("a"), token("a"), token("q")], [PROGRESS, token("y"), LIMIT])
    fill(server, guide=guide)
    assert server.asked_at[1] - server.left_at[0] >= 0.8 * PASS_S

    # What ends by itself is left at once, and its end is no pass.
    server = Server([PROGRESS, token("q", "x"), LIMIT], [PROGRESS, token("y"), LIMIT])
    fill(server, guide=Names("xy", "xz"))
    assert server.asked_at[1] - server.left_at[0] < 0.5 * PASS_S


def test_a_stream_without_a_token_ends_it():
    found = fill(Server([PROGRESS, LIMIT]), guide=Names("region", "revenue"))

    assert (found.text, found.finish_reason) == ("", "stop")


def test_a_character_of_several_tokens_is_taken_whole_and_asked_on_from():
    # Only the last of its tokens is told, beside all of its bytes, and rivals of that token alone.
    whole = "\u0bbf".encode() + "\u0bb4".encode()
    named = [
        {"id": 112, "bytes": list(whole[-1:]), "logprob": -0.1},
        {"id": 5, "bytes": list(b"x"), "logprob": -3.0},
    ]
    streamed = {"id": 112, "bytes": list(whole), "logprob": -0.1, "top_logprobs": named}
    told = {"completion_probabilities": [streamed]}
    server = Server([PROGRESS, told, token("q", "re")], [PROGRESS, token("q", "y"), LIMIT])
    guide = Unguided()
    text = whole.decode()
    guide.next_name = lambda t: Names("xy", "xz").next_name("x") if t == text else None
    guide.is_complete = lambda t: t == f"{text}y"
    found = fill(server, guide=guide)

    assert found.text == f"{text}y"
    # The prompt goes on with the tokens of the whole text, as the tokenizer has them.
    assert server.bodies[1]["prompt"] == [1, 2, 1000 + len(text)]


def test_a_limit_of_tokens_holds_where_names_come():
    server = Server(*([PROGRESS, token("x", "a"), LIMIT] for _ in range(9)))
    guide = Names("aaaaaaaab", "aaaaaaaac")
    found = fill(server, guide=guide, max_new_tokens=3)

    assert (found.text, found.finish_reason, len(server.bodies)) == ("aaa", "length", 3)


def test_stopping_it_while_a_stream_is_silent_ends_it():
    job = Job()

    class Silent(Server):
        async def _play(self, _):
            job.cancel()
            await asyncio.sleep(60)
            yield

    begin = time.monotonic()
    with pytest.raises(Cancelled):
        fill(Silent([]), job)
    assert time.monotonic() - begin < 5


def test_many_names_are_compared_with_many_tokens_in_no_time():
    options = frozenset(f"a_{number:04}_name" for number in range(2_000))
    tokens = [f"a_{number:04}".encode() for number in range(0, 20_000, 10)]
    begin = time.perf_counter()
    may_come = NameContinuations(NextName(options=options, typed="a"))
    found = [token for token in tokens if may_come.include(token[1:])]

    assert len(found) == 200
    # One by one it is 4 million comparisons, in seconds.
    assert time.perf_counter() - begin < 0.5
