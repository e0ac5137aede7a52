"""From ``%load_ext`` to the first words of the first answer, the model's files being there.

Each run has a kernel of its own. The clock starts when ``%load_ext codeface_jupyter`` is sent;
a question follows at once, as when the notebook's first cells are run. It stops when the
message that shows the answer's first words reaches the front end: the extension's import, the
model's load and the prefill are all included. Goal: 4 s.

``--read-anew`` has the model read what all prompts begin with in each run, of which an earlier
session has left the keys and values on disk.
"""

from __future__ import annotations

import argparse

from notebook_kernel import Kernel
from reporting import describe_machine, spread

from codeface_jupyter.config import default_cache_dir
from codeface_jupyter.engines.openvino.saved_start import START_FILE

LOAD = "%load_ext codeface_jupyter"
ASK = "%%codeface --no-cache --max-new-tokens 8\nRead sales.csv and show the first rows"
# The block of the streaming view that holds the answer; what else it sends is progress.
ANSWER = 'class="codeface-answer'


def measure() -> tuple[float, float]:
    """Return seconds until the extension is loaded, and until the first words are shown."""
    kernel = Kernel()
    try:
        for loaded_s, _ in kernel.messages(LOAD):
            load_s = loaded_s
        shown_s = [
            seconds for seconds, message in kernel.messages(ASK) if shows_answer(message["content"])
        ]
        if not shown_s:
            raise RuntimeError("The view showed no answer.")
        return load_s, load_s + shown_s[0]
    finally:
        kernel.close()


def forget_start() -> None:
    """Remove what earlier sessions have left of the start of prompts; it comes again."""
    for file in default_cache_dir().rglob(START_FILE):
        file.unlink()


def shows_answer(content: dict[str, object]) -> bool:
    """Whether a message brings words of the answer to the streaming view."""
    data = content.get("data")
    state = data.get("state", {}) if isinstance(data, dict) else {}
    return ANSWER in str(state.get("value", ""))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--read-anew", action="store_true", help="leave the saved start unused")
    args = parser.parse_args()
    measure()  # fills the disk's cache, and converts the weights if that was never done
    runs = []
    for _ in range(args.runs):
        if args.read_anew:
            forget_start()
        runs.append(measure())
    print(describe_machine("ipykernel", "ipywidgets", "openvino", "openvino-genai"))
    print(f"until %load_ext is done, s:             {spread([load for load, _ in runs])}")
    print(f"until the answer's first words, s:      {spread([shown for _, shown in runs])}")


if __name__ == "__main__":
    main()
