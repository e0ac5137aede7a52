"""Lay conversations out by a model's chat template, in a process that can be ended.

A script. The first line that it is given holds the template, each one after it a conversation,
and to each of these it prints a line. A template is a program of a stranger's: the sandbox keeps
it from files and the network, but lets it run for ever or fill the memory, within one call that
nothing in the same process can stop.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

__all__: list[str] = []

LONGEST_TEXT_BYTES = 10_000_000
# What is left for the template once Python and Jinja have been loaded.
MEMORY_BYTES = 256 * 2**20
# A little longer than the kernel waits: it counts when the kernel has been killed.
LIMIT_S = 3.0


def _main() -> None:
    # Where the kernel finds Jinja, if that is not where this interpreter does.
    sys.path.extend(sys.argv[1:])
    environment = _environment()
    _limit_memory()
    _say(ready=True)
    given = json.loads(sys.stdin.readline())
    lay_out = _layout(environment, given["source"], given["special_tokens"])
    for line in sys.stdin:
        _set_alarm(LIMIT_S)
        _say(**_outcome(lay_out, json.loads(line)))
        _set_alarm(0)


def _say(**told: object) -> None:
    sys.stdout.write(f"{json.dumps(told)}\n")
    sys.stdout.flush()


def _set_alarm(seconds: float) -> None:
    """Have the system end this process after ``seconds``, whatever it does; 0 takes that back."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _limit_memory() -> None:
    """Bound the memory, on systems that can do that."""
    with suppress(ImportError, OSError, ValueError, IndexError):
        import resource

        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
        taken = int(pages) * resource.getpagesize()
        limit = taken + MEMORY_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _outcome(lay_out: Callable[[object], str], messages: object) -> dict[str, str]:
    from jinja2 import TemplateError

    try:
        text = lay_out(messages)
    except TemplateError as error:
        return {"refused": str(error)}
    except MemoryError:
        return {"failed": "it takes too much memory"}
    except Exception as error:  # noqa: BLE001 - what a stranger's program raises is told
        return {"failed": f"{type(error).__name__}: {error}"[:LONGEST_TEXT_BYTES]}
    if len(text.encode(errors="replace")) > LONGEST_TEXT_BYTES:
        return {"failed": f"the text is longer than {LONGEST_TEXT_BYTES // 1_000_000} MB"}
    return {"text": text}


def _layout(
    environment: Any, source: str, special_tokens: Mapping[str, str]
) -> Callable[[object], str]:
    compiled: list[Any] = []

    def lay_out(messages: object) -> str:
        # Compiled here, where it is bounded too: constants are computed then.
        if not compiled:
            compiled.append(environment.from_string(source))
        return str(
            compiled[0].render(
                messages=messages,
                add_generation_prompt=True,
                tools=None,
                documents=None,
                **special_tokens,
            )
        )

    return lay_out


def _environment() -> Any:
    """Return a sandbox with what the templates of the hub expect."""
    from jinja2 import TemplateError, nodes
    from jinja2.ext import Extension, loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class GenerationTag(Extension):
        """``{% generation %}`` marks the answer for training; here it is its content alone."""

        tags = {"generation"}  # noqa: RUF012 - jinja's own declaration

        def parse(self, parser: Any) -> Any:
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return nodes.Scope(body, lineno=line)

    def refuse(message: str) -> None:
        raise TemplateError(message)

    def to_json(value: object, **options: Any) -> str:
        return json.dumps(value, **({"ensure_ascii": False} | options))

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[GenerationTag, loopcontrols]
    )
    environment.filters["tojson"] = to_json
    environment.globals["raise_exception"] = refuse
    environment.globals["strftime_now"] = lambda text: datetime.now().astimezone().strftime(text)
    return environment


if __name__ == "__main__":
    _main()
