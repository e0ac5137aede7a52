"""A model's chat template is a stranger's program: it lays out, refuses, or is ended in time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from types import SimpleNamespace

import psutil
import pytest

from codeface_jupyter.engines.text.chat_layout import TemplateRefusedError
from codeface_jupyter.engines.text.chat_template import LIMIT_S, ChatTemplate
from codeface_jupyter.engines.text.prompt_codec import PromptCodec
from codeface_jupyter.errors import ModelFilesError
from codeface_jupyter.prompts import Message, Prompt

CHAT = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
MESSAGES: list[Message] = [{"role": "user", "content": "Hi"}]
# What a busy machine may need beyond the limit.
SLACK_S = 3.0

ENDLESS = {
    "loops in loops": "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}"
    "{% endfor %}",
    "a filter that makes billions of words": "{{ lipsum(n=10**9) }}",
    "a list that holds itself twice, sixty times over": "{% set ns = namespace(x=[1]) %}"
    "{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
    "a power": "{{ (10**9)**(10**8) }}",
}
HUGE = {
    "more than 10 MB of text": "{{ 'x' * 10**7 }}y",
    "a multiplied string": "{{ 'x' * 10**10 }}",
    "a width": "{{ '%10000000000d' % 1 }}",
    "a multiplied list": "{{ [0] * 10**10 }}",
    "a text doubled again and again": "{% set ns = namespace(x='x') %}"
    "{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}",
}
BROKEN = {
    "a macro without end": "{% macro f(n) %}{{ f(n) }}{% endmacro %}{{ f(1) }}",
    "a sum of a number and a text": "{{ 1 + 'a' }}",
    "brackets without end": "{{ " + "(" * 3_000 + "1" + ")" * 3_000 + " }}",
}


def template(source: str, **special_tokens: str) -> ChatTemplate:
    return ChatTemplate(source, special_tokens=special_tokens, model_name="tiny")


def codec(source: str) -> PromptCodec:
    tokenizer = SimpleNamespace(
        chat_template=source,
        special_tokens_map={},
        added_tokens_decoder={},
        all_special_tokens=[],
        eos_token_id=None,
        get_added_vocab=dict,
    )
    return PromptCodec(tokenizer, model_name="tiny")


def test_a_conversation_is_laid_out_by_the_template() -> None:
    laid_out = template(CHAT).lay_out([{"role": "user", "content": "für 中文 😀\u2028"}])
    assert laid_out == "<|im_start|>user\nfür 中文 😀\u2028<|im_end|>\n<|im_start|>assistant\n"


def test_hub_templates_find_what_they_expect() -> None:
    source = (
        "{{ bos_token }}{% generation %}{{ messages[0] | tojson }}{% endgeneration %}"
        "{% for m in messages %}{% break %}{% endfor %}{{ strftime_now('%Y') | length }}"
        "{% if tools or documents %}never{% endif %}"
    )
    laid_out = template(source, bos_token="<s>").lay_out(MESSAGES)
    assert laid_out == '<s>{"role": "user", "content": "Hi"}4'


def test_a_template_may_refuse_the_system_role() -> None:
    source = (
        "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
        "{{ messages[-1].content }}"
    )
    with pytest.raises(TemplateRefusedError, match="no system"):
        template(source).lay_out([{"role": "system", "content": "x"}])
    assert "Plot it" in codec(source).format_prompt(Prompt(request="Plot it", task="fix"))


def test_a_template_cannot_reach_out_of_its_sandbox() -> None:
    source = "{{ messages.__class__.__mro__[1].__subclasses__() }}"
    with pytest.raises(TemplateRefusedError, match="unsafe"):
        template(source).lay_out(MESSAGES)
    with pytest.raises(ModelFilesError, match="chat template of tiny refuses"):
        codec(source).format_prompt(Prompt(request="go"))


@pytest.mark.parametrize(
    "source", (ENDLESS | HUGE | BROKEN).values(), ids=(ENDLESS | HUGE | BROKEN).keys()
)
def test_what_takes_too_long_or_too_much_is_refused_in_one_line(source: str) -> None:
    hostile = codec(source)
    template(CHAT).lay_out(MESSAGES)  # so that starting a process is not what is measured
    started = time.monotonic()
    with pytest.raises(ModelFilesError, match="The chat template of tiny cannot be used") as caught:
        hostile.format_prompt(Prompt(request="go"))
    assert time.monotonic() - started < LIMIT_S + SLACK_S
    assert "\n" not in caught.value.message


def test_the_kernel_runs_on_while_a_template_loops() -> None:
    hostile, ticks, ended = template(ENDLESS["a power"]), [], threading.Event()

    def tick() -> None:
        while not ended.wait(0.05):
            ticks.append(time.monotonic())

    clock = threading.Thread(target=tick)
    clock.start()
    with pytest.raises(ModelFilesError, match="longer than 2 s"):
        hostile.lay_out(MESSAGES)
    ended.set()
    clock.join()
    assert len(ticks) > 10


def test_a_template_that_loops_for_one_conversation_lays_out_the_next() -> None:
    source = CHAT + "{% if messages|length > 1 %}" + ENDLESS["loops in loops"] + "{% endif %}"
    sometimes = template(source)
    with pytest.raises(ModelFilesError):
        sometimes.lay_out(MESSAGES * 2)
    assert "Hi" in sometimes.lay_out(MESSAGES)


def test_a_process_that_was_ended_from_outside_is_begun_again() -> None:
    before = set(psutil.Process().children())
    kept = template(CHAT)
    kept.lay_out(MESSAGES)
    (process,) = set(psutil.Process().children()) - before
    process.kill()
    process.wait()
    assert "Hi" in kept.lay_out(MESSAGES)


def test_one_process_serves_all_conversations_and_ends_with_the_model() -> None:
    before = set(psutil.Process().children())
    kept = codec(CHAT)
    for number in range(20):
        assert f"Plot {number}" in kept.format_prompt(Prompt(request=f"Plot {number}"))
    (process,) = set(psutil.Process().children()) - before
    del kept
    _, alive = psutil.wait_procs([process], timeout=5)
    assert not alive


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_asks_one_of_its_own_and_leaves_the_parents() -> None:
    script = f"""
    import os, sys
    from codeface_jupyter.engines.text.chat_template import ChatTemplate
    template = ChatTemplate({CHAT!r}, special_tokens={{}}, model_name="tiny")
    messages = [{{"role": "user", "content": "Hi"}}]
    template.lay_out(messages)
    child = os.fork()
    if child == 0:
        print("child", len(template.lay_out(messages)), flush=True)
        sys.exit()
    os.waitpid(child, 0)
    process = template._process
    print("parent", len(template.lay_out(messages)), template._process is process)
    """
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    length = len(template(CHAT).lay_out(MESSAGES))
    assert ran.stdout.split("\n")[:2] == [f"child {length}", f"parent {length} True"], ran.stderr


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs the system's alarm")
def test_a_looping_template_ends_after_its_kernel_was_killed() -> None:
    script = f"""
    from codeface_jupyter.engines.text.chat_template import ChatTemplate
    template = ChatTemplate({ENDLESS["a power"]!r}, special_tokens={{}}, model_name="tiny")
    template.begin()
    print(template._process._process.pid, flush=True)
    template.lay_out([])
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True
    ) as kernel:
        assert kernel.stdout is not None
        process = psutil.Process(int(kernel.stdout.readline()))
        while process.cpu_times().user < 0.5 and process.is_running():
            time.sleep(0.05)
        kernel.kill()
    _, alive = psutil.wait_procs([process], timeout=10)
    assert not alive
