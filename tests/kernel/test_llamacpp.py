"""A GGUF in a notebook: llama.cpp's process comes, goes and dies, and the kernel lives."""

import signal

import psutil
import pytest

pytest.importorskip("xllamacpp")

GONE_S = 20
ASK = "%%codeface --cells none --max-new-tokens {tokens}\ngo on"


@pytest.fixture(scope="module")
def gguf_kernel(kernel, make_gguf, tmp_path_factory):
    file = make_gguf(tmp_path_factory.mktemp("gguf") / "tiny.gguf")
    kernel.run("%load_ext codeface_jupyter")
    kernel.run(f"kept = 'mine'\n%codeface_config model={file} response_cache=off")
    return kernel


def server(kernel):
    """Return llama.cpp's process, if there is one."""
    parent = psutil.Process(kernel.value("__import__('os').getpid()"))
    found = [p for p in parent.children() if any("server_process" in a for a in p.cmdline())]
    return found[0] if found else None


def ask(kernel, tokens, **run):
    return kernel.run(ASK.format(tokens=tokens), **run)


def test_it_answers_and_unloads(gguf_kernel):
    assert ask(gguf_kernel, 16).reply["status"] == "ok"
    assert gguf_kernel.value("_codeface.metrics.generated_tokens") == 16
    assert gguf_kernel.value("_codeface.identity.engine") == "llamacpp"
    process = server(gguf_kernel)
    told = gguf_kernel.run("%codeface_models unload").text
    assert told == "The model's memory is free; the next question loads it again.\n"
    assert not process.is_running()
    assert server(gguf_kernel) is None


def test_an_interrupt_keeps_the_answer_so_far_and_the_process(gguf_kernel):
    ask(gguf_kernel, 4)
    process = server(gguf_kernel)
    interrupted = []

    def interrupt(run):
        if not interrupted and run.bundles:
            interrupted.append(True)
            gguf_kernel.manager.interrupt_kernel()

    run = ask(gguf_kernel, 1_500, while_running=interrupt)
    assert run.reply["ename"] == "KeyboardInterrupt"
    assert gguf_kernel.value("_codeface.finish_reason") == "cancelled"
    assert server(gguf_kernel) == process
    # llama.cpp would have taken the handler, and ended the kernel at the second interrupt.
    handler = "__import__('signal').getsignal(2) is __import__('signal').default_int_handler"
    assert gguf_kernel.value(handler)


def test_its_death_is_an_error_of_the_cell_alone(gguf_kernel):
    ask(gguf_kernel, 4)
    process = server(gguf_kernel)
    killed = []

    def kill(run):
        if not killed and run.bundles:
            killed.append(True)
            process.send_signal(signal.SIGKILL)

    run = ask(gguf_kernel, 1_500, while_running=kill)
    assert run.reply["status"] == "error"
    assert "ended from outside" in run.reply["evalue"]
    assert gguf_kernel.value("kept") == "mine"
    assert ask(gguf_kernel, 4).reply["status"] == "ok"
    assert server(gguf_kernel) != process


def test_a_restart_of_the_kernel_leaves_no_process(gguf_kernel):
    ask(gguf_kernel, 4)
    process = server(gguf_kernel)
    gguf_kernel.manager.restart_kernel(now=True)
    process.wait(GONE_S)
