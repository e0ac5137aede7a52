"""Going around oneDNN for single tokens leaves the user's switch as it was, whatever happens."""

import threading

import pytest
import torch
from transformers import AutoModelForCausalLM

from codeface_jupyter.config import Settings
from codeface_jupyter.engines.transformers import engine as engine_module
from codeface_jupyter.engines.transformers.cpu_decode import (
    gains_without_onednn,
    single_tokens_without_onednn,
)
from codeface_jupyter.engines.transformers.engine import TransformersEngine
from codeface_jupyter.generation import GenerationRequest, SamplingParameters
from codeface_jupyter.jobs import Job
from codeface_jupyter.prompts import Prompt


@pytest.fixture
def model(make_model):
    return AutoModelForCausalLM.from_pretrained(make_model(), dtype=torch.bfloat16)


def is_on() -> bool:
    return torch.backends.mkldnn.enabled


def test_onednn_is_off_for_one_token_and_on_for_more(model):
    seen = []
    model.model.layers[0].register_forward_pre_hook(lambda *_: seen.append(is_on()))
    with single_tokens_without_onednn(model), torch.no_grad():
        model(input_ids=torch.tensor([[5, 6, 7]]))
        assert is_on()
        model(input_ids=torch.tensor([[5]]))
        assert is_on()
    assert seen == [True, False]


def test_a_pass_that_fails_puts_the_switch_back(model):
    def fail(*_):
        raise ZeroDivisionError

    model.model.layers[0].register_forward_pre_hook(fail)
    with single_tokens_without_onednn(model), pytest.raises(ZeroDivisionError):
        model(input_ids=torch.tensor([[5]]))
    assert is_on()


def test_measuring_puts_the_switch_back(model):
    assert gains_without_onednn(model) in {True, False}
    assert is_on()


def test_only_bfloat16_is_measured(make_model):
    model = AutoModelForCausalLM.from_pretrained(make_model(), dtype=torch.float32)
    assert not gains_without_onednn(model)


def test_an_answer_and_a_cancelled_one_leave_the_switch_on(make_model, tmp_path, monkeypatch):
    monkeypatch.setattr(engine_module, "gains_without_onednn", lambda model: True)
    engine = TransformersEngine(
        Settings(model=str(make_model()), dtype="bfloat16", cache_dir=tmp_path)
    )
    request = GenerationRequest(
        prompt=Prompt(request="Group df by x"), sampling=SamplingParameters(max_new_tokens=8)
    )
    seen: set[bool] = set()
    done = engine.generate(request, Job(lambda event: seen.add(is_on())))
    assert done.metrics.generated_tokens > 1
    assert is_on()
    cancel = threading.Event()
    engine.generate(request, Job(lambda event: cancel.set(), cancel=cancel))
    assert is_on()
    # What runs between the passes, such as painting in another thread, finds it on.
    assert seen == {True}
