"""What ghost text saves and costs while notebooks are typed, with the pauses that people make.

Each cell is typed from its first character to its last, cells above having been run. At the
beginning of a line and where people stop within one, a completion is asked for. One that is
what comes next is accepted, whole or up to the last word that is right.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from gaps import PAUSE
from reporting import describe_machine
from session_shell import SessionShell
from session_tasks import SessionNotebook, read_notebooks

from codeface_jupyter.engines.text.common_prefix import common_prefix_length
from codeface_jupyter.infilling import Gap
from codeface_jupyter.jobs import Job
from codeface_jupyter.session.completion_ask import CompletionAsk

SEED = 3
# Of the places where people may stop, so many make them stop.
PAUSE_SHARE = 0.5
# What an unhurried typist reaches (Dhakal et al., CHI 2018: 52 words of 5 characters a minute).
CHARACTERS_PER_MINUTE = 260
# Less is not worth a key.
MIN_PART_CHARACTERS = 3
WARM_TOKENS = range(700, 1_500)


@dataclass(frozen=True, kw_only=True)
class Pause:
    """A stop: what was shown and taken, and what it cost.

    Attributes
    ----------
    saved
        How many characters need not be typed.
    """

    notebook: str
    shown: int
    saved: int
    is_whole: bool
    is_known: bool
    seconds: float
    cpu_s: float
    cell_tokens: int
    is_line_start: bool


def type_notebook(shell: SessionShell, notebook: SessionNotebook) -> Iterator[Pause]:
    """Type a notebook cell by cell, and run each."""
    generator = random.Random(SEED)
    sources = [cell.source for cell in notebook.cells]
    engine = shell.session.engine
    with shell.notebook(notebook.folder):
        for number, source in enumerate(sources):
            above = tuple(sources[:number])
            tokens = sum(map(engine.count_tokens, above)) if engine is not None else 0
            typing = _Typing(shell, notebook.name, above, source, tokens)
            yield from typing.run(generator)
            shell.run(source)


class _Typing:
    def __init__(
        self, shell: SessionShell, name: str, above: tuple[str, ...], source: str, tokens: int
    ) -> None:
        self._shell, self._name, self._above = shell, name, above
        self._source, self._tokens = source, tokens

    def run(self, generator: random.Random) -> Iterator[Pause]:
        place = 0
        while place < len(self._source):
            if self._is_stop(place) and generator.random() < PAUSE_SHARE:
                pause = self._pause(place)
                yield pause
                place += pause.saved
            place += 1

    def _is_stop(self, place: int) -> bool:
        line_start = self._source.rfind("\n", 0, place) + 1
        line = self._source[line_start:].partition("\n")[0]
        typed = line[: place - line_start]
        if not line.strip() or line.lstrip().startswith("#"):
            return False
        is_start = not typed.strip() and len(typed) == len(line) - len(line.lstrip())
        return is_start or any(m.start() == len(typed) for m in PAUSE.finditer(line))

    def _pause(self, place: int) -> Pause:
        metrics = self._shell.session.metrics
        known = metrics.summary().known_completions
        ask = CompletionAsk(
            gap=Gap(above=self._above, prefix=self._source[:place]),
            namespace=self._shell.shell.user_ns,
            cells_run=self._shell.shell.execution_count,
            max_lines=8,
        )
        begin, cpu = time.perf_counter(), time.process_time()
        text = self._shell.session.completions.complete(ask, Job())
        right = common_prefix_length(text, self._source[place:])
        is_whole = bool(text) and right == len(text)
        part = text[:right]
        if not is_whole:
            part = part[: max((m.end() for m in PAUSE.finditer(part + "x")), default=0)]
        saved = len(part) if is_whole or len(part) >= MIN_PART_CHARACTERS else 0
        return Pause(
            notebook=self._name,
            shown=len(text),
            saved=saved,
            is_whole=is_whole,
            is_known=metrics.summary().known_completions > known,
            seconds=time.perf_counter() - begin,
            cpu_s=time.process_time() - cpu,
            cell_tokens=self._tokens,
            is_line_start=not self._source[:place].rpartition("\n")[2].strip(),
        )


def report(pauses: Sequence[Pause], *, characters: int) -> str:
    """Return the figures of all pauses."""
    shown = [pause for pause in pauses if pause.shown]
    whole = sum(pause.is_whole for pause in shown)
    part = sum(pause.saved > 0 and not pause.is_whole for pause in shown)
    asked = [pause for pause in pauses if not pause.is_known]
    saved = sum(pause.saved for pause in pauses)
    minutes = characters / CHARACTERS_PER_MINUTE
    return "\n".join(
        [
            f"{characters:,} characters, {len(pauses)} pauses",
            f"something to show: {len(shown) / len(pauses):.0%} of pauses",
            f"of what was shown, accepted whole: {whole / max(1, len(shown)):.0%}",
            f"accepted in part: {part / max(1, len(shown)):.0%}",
            f"characters saved: {saved / characters:.0%}",
            f"model calls for 100 characters: {100 * len(asked) / characters:.1f}",
            f"CPU seconds a minute: {sum(p.cpu_s for p in pauses) / minutes:.1f}",
            _latency("all", asked),
            _latency("warm", [p for p in asked if p.cell_tokens in WARM_TOKENS]),
            _latency("warm, shown", [p for p in asked if p.cell_tokens in WARM_TOKENS and p.shown]),
            _latency("known already", [p for p in pauses if p.is_known]),
        ]
    )


def _latency(name: str, pauses: Sequence[Pause]) -> str:
    if not pauses:
        return f"{name}: none"
    seconds = sorted(pause.seconds for pause in pauses)
    p90 = seconds[len(seconds) * 9 // 10]
    return f"{name}: median {statistics.median(seconds):.3f} s, p90 {p90:.3f} s, n = {len(seconds)}"


def main() -> None:
    """Type, print, and save the pauses."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder of the notebooks")
    parser.add_argument("--model", default="qwen2.5-coder-0.5b")
    parser.add_argument("--notebooks", nargs="*", default=[])
    parser.add_argument("--save", type=Path)
    arguments = parser.parse_args()
    print(describe_machine("openvino"))
    shell = SessionShell(model=arguments.model, tries="off")
    shell.session.load().read_to_end()
    pauses: list[Pause] = []
    characters = 0
    for notebook in read_notebooks(arguments.data, names=arguments.notebooks):
        pauses += type_notebook(shell, notebook)
        characters += sum(len(cell.source) for cell in notebook.cells)
        print(notebook.name, len(pauses), flush=True)
    if arguments.save:
        arguments.save.parent.mkdir(parents=True, exist_ok=True)
        arguments.save.write_text(json.dumps([asdict(pause) for pause in pauses], indent=1))
    print(report(pauses, characters=characters))


if __name__ == "__main__":
    main()
