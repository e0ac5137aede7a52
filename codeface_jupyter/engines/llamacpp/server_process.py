"""What runs in llama.cpp's own process: it makes llama.cpp's server, and ends with the kernel.

Started by its path, with one line of JSON on stdin, so that it imports nothing of ours. It says
on stdout where it listens, and lives until stdin is closed: by the kernel, or by the system once
the kernel is gone.
"""

from __future__ import annotations

import faulthandler
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any, TextIO

# A load that has lasted so long ends by itself, should the kernel have gone meanwhile.
LOAD_LIMIT_S = 3_600
# Its type of a device, as a number.
CPU = 0
OOM_SCORE = Path("/proc/self/oom_score_adj")


def main() -> None:
    """Serve the model that stdin names until stdin is closed."""
    reply = _own_stdout()
    _yield_to_the_kernel()
    asked = json.loads(sys.stdin.buffer.readline())
    _end_with_stdin(is_loading=True)
    # Where the kernel found the package: isolated, this interpreter may not look there.
    sys.path.insert(0, asked["package_folder"])
    import xllamacpp

    server = xllamacpp.Server(_parameters(xllamacpp, asked))
    _end_with_stdin(is_loading=False)
    reply.write(json.dumps({"address": server.listening_address}) + "\n")
    reply.flush()
    sys.stdin.buffer.read()
    shutil.rmtree(asked["folder"], ignore_errors=True)
    # Without llama.cpp's own way out: the system takes everything back at once.
    os._exit(0)


def _own_stdout() -> TextIO:
    """Return stdout for the reply alone; what else is printed goes to stderr."""
    reply = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return reply


def _yield_to_the_kernel() -> None:
    """Have the system end this process first, not the kernel, when memory runs out."""
    if OOM_SCORE.exists():
        OOM_SCORE.write_text("1000", encoding="ascii")


def _end_with_stdin(*, is_loading: bool) -> None:
    """Have the system end this process with stdin while llama.cpp loads: no Python code can run."""
    if is_loading:
        faulthandler.dump_traceback_later(LOAD_LIMIT_S, exit=True)
    else:
        faulthandler.cancel_dump_traceback_later()
    if sys.platform != "linux":
        return
    import fcntl

    # The system's signal for a pipe whose other end was closed; it ends a process by default.
    fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
    flags = fcntl.fcntl(0, fcntl.F_GETFL)
    asked = flags | os.O_ASYNC if is_loading else flags & ~os.O_ASYNC
    fcntl.fcntl(0, fcntl.F_SETFL, asked)


def _parameters(xllamacpp: Any, asked: dict[str, Any]) -> Any:
    """Return llama.cpp's parameters for what is asked."""
    p = xllamacpp.CommonParams()
    p.model.path = asked["file"]
    p.model_alias = {asked["name"]}
    p.hostnames = [asked["host"]]
    p.port = 0
    p.api_keys = [asked["api_key"]]
    p.n_ctx = asked["context_tokens"]
    p.n_parallel = asked["slots"]
    # All slots share the context, and requests with one prompt its keys and values.
    p.kv_unified = True
    p.n_batch = p.n_ubatch = asked["batch_tokens"]
    p.cpuparams.n_threads = p.cpuparams_batch.n_threads = asked["threads"]
    p.n_gpu_layers = asked["gpu_layers"]
    # Without a GPU there is nothing to fit, and the file would be read twice for it.
    p.fit_params = any(device["type"] != CPU for device in xllamacpp.get_device_info())
    # Slots keep their prefixes in the context itself: no copies besides.
    p.cache_ram_mib = 0
    p.cache_idle_slots = False
    p.ui = False
    p.endpoint_slots = False
    p.endpoint_metrics = False
    p.endpoint_props = False
    # Errors and warnings: what is said beyond them may hold a prompt.
    p.verbosity = 2
    return p


if __name__ == "__main__":
    main()
