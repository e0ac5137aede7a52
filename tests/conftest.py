"""What every test needs: settings of its own, and no wall-clock limits on properties."""

import ctypes
import os
import shutil
import signal
import sys
from pathlib import Path

import hypothesis
import pytest

# OpenVINO tells its makers of each import, also of those that the tests make themselves.
sys.modules.setdefault("openvino_telemetry", None)

# The same examples each time, so that a change fails by its own fault; the option
# `--hypothesis-profile search` looks for others. Limits on time measure the machine.
SAME_FOR_ALL = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile("tests", derandomize=True, **SAME_FOR_ALL)
hypothesis.settings.register_profile("search", max_examples=2_000, **SAME_FOR_ALL)
hypothesis.settings.load_profile("tests")

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
WINDOW, WIDTH, LAYERS, HEADS, KV_HEADS, INNER = 4_096, 32, 2, 4, 2, 64


def pytest_collection_modifyitems(items):
    """Put the browser's tests last: Playwright leaves an event loop running in this thread."""
    items.sort(key=lambda item: "browser" in item.path.parts)


class SignalStack(ctypes.Structure):
    """The stack on which a thread handles signals, Linux's ``stack_t``: begin, flags, bytes."""

    _fields_ = (("begin", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))

    @classmethod
    def of_this_thread(cls):
        """Return the one in use; nothing is known of it elsewhere than on Linux."""
        stack = cls()
        if sys.platform == "linux":
            ctypes.CDLL(None).sigaltstack(None, ctypes.byref(stack))
        return stack

    def put_back(self):
        """Have this thread use it again."""
        if self.begin:
            ctypes.CDLL(None).sigaltstack(ctypes.byref(self), None)


@pytest.fixture(scope="session")
def signal_stack():
    """Return the main thread's signal stack from before any model was loaded."""
    return SignalStack.of_this_thread()


@pytest.fixture(autouse=True)
def own_signal_stack(signal_stack):
    """Keep the signal stack of the main thread, where tests load models and are interrupted.

    Where the processor has AMX, each of OpenVINO's cores gives the thread that makes it another
    one, and frees it with itself: a signal that comes later would end the process. The session
    makes them in threads of its own, which are gone by then.
    """
    yield
    signal_stack.put_back()


@pytest.fixture
def interrupts():
    """Have an interrupt raise, also where a shell's background job ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch, tmp_path_factory):
    """Keep the user's own environment and config file out of the tests."""
    for variable in [name for name in os.environ if name.startswith("CODEFACE_")]:
        monkeypatch.delenv(variable)
    empty = tmp_path_factory.getbasetemp() / "no-config" / "config.toml"
    empty.parent.mkdir(exist_ok=True)
    empty.touch()
    monkeypatch.setenv("CODEFACE_CONFIG", str(empty))


@pytest.fixture
def engine_package(tmp_path):
    """Return a folder for `sys.path` where the package of an engine of its own is installed."""
    folder = tmp_path / "site-packages"
    shutil.copytree(Path(__file__).parent / "data" / "engine_package", folder)
    about = folder / "codeface_echo-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: codeface-echo\nVersion: 1.0\n")
    entry_point = "[codeface_jupyter.engines]\necho = codeface_echo:plugin\n"
    (about / "entry_points.txt").write_text(entry_point)
    return folder


@pytest.fixture(scope="session")
def make_gguf():
    """Return what writes a tiny random model as GGUF; nothing of it is imported unless needed."""
    return write_gguf


def write_gguf(file, *, template=CHATML, architecture="llama", seed=0, more_tokens=()):
    """Write a random model of a real family, with a tokenizer of bytes."""
    import gguf
    from tokenizers.pre_tokenizers import ByteLevel

    control = ("<|im_start|>", "<|im_end|>", *more_tokens)
    tokens = [*sorted(ByteLevel.alphabet()), *control]
    kinds = [gguf.TokenType.NORMAL] * 256 + [gguf.TokenType.CONTROL] * len(control)
    writer = gguf.GGUFWriter(file, architecture)
    writer.add_context_length(WINDOW)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(257)
    writer.add_add_bos_token(False)
    if template is not None:
        writer.add_chat_template(template)
    add_weights(writer, vocabulary=len(tokens), seed=seed)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def add_weights(writer, *, vocabulary, seed):
    import numpy as np

    random = np.random.default_rng(seed)
    key_width = WIDTH * KV_HEADS // HEADS
    shapes = {"token_embd": (vocabulary, WIDTH), "output": (vocabulary, WIDTH)}
    for layer in range(LAYERS):
        shapes |= {
            f"blk.{layer}.attn_q": (WIDTH, WIDTH),
            f"blk.{layer}.attn_k": (key_width, WIDTH),
            f"blk.{layer}.attn_v": (key_width, WIDTH),
            f"blk.{layer}.attn_output": (WIDTH, WIDTH),
            f"blk.{layer}.ffn_gate": (INNER, WIDTH),
            f"blk.{layer}.ffn_up": (INNER, WIDTH),
            f"blk.{layer}.ffn_down": (WIDTH, INNER),
        }
    norms = [f"blk.{n}.{part}_norm" for n in range(LAYERS) for part in ("attn", "ffn")]
    for name in ("output_norm", *norms):
        writer.add_tensor(f"{name}.weight", np.ones(WIDTH, np.float32))
    for name, shape in shapes.items():
        values = random.standard_normal(shape) * 0.5
        writer.add_tensor(f"{name}.weight", values.astype(np.float32))
