"""A piece of work on a device, recorded once and done again with one call.

On a GPU most of a small pass's time goes into launching its thousands of kernels. A
CUDA graph launches all of them at once. It is recorded by torch itself: no compiler is
needed on the machine, and there is no wait for one.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch

__all__ = ["EagerRecorder", "GraphRecorder", "RecordedPass", "Recorder"]

# The first pass chooses kernels and takes workspaces, which a recording must find taken.
PASSES_BEFORE = 2


@dataclass(frozen=True)
class RecordedPass:
    """What was recorded.

    Attributes
    ----------
    run
        Does the work again on the same tensors; returns the same tensor with new values.
    size_bytes
        The device memory that the recording keeps.
    """

    run: Callable[[], torch.Tensor]
    size_bytes: int = 0


class Recorder(Protocol):
    """How passes are recorded, and their results brought to the host, on one kind of device."""

    @property
    def launches_ahead(self) -> bool:
        """Whether a pass may be begun before the host has seen the token it goes on from."""

    def record(self, work: Callable[[], torch.Tensor]) -> RecordedPass:
        """Record ``work``: it reads and writes tensors that stay where they are."""

    def read(self, token: torch.Tensor) -> Callable[[], int]:
        """Begin to bring ``token``, of shape ``(1,)``, to the host; return what waits for it."""


class EagerRecorder:
    """Records nothing: the work is done anew each time, on any device."""

    launches_ahead = False

    def record(self, work: Callable[[], torch.Tensor]) -> RecordedPass:
        """Return ``work`` itself."""
        return RecordedPass(work)

    def read(self, token: torch.Tensor) -> Callable[[], int]:
        """Return what reads ``token``."""
        return lambda: int(token.item())


class GraphRecorder:
    """Records CUDA graphs.

    Parameters
    ----------
    device
        The CUDA device on which all work is done.
    """

    launches_ahead = True

    def __init__(self, device: torch.device) -> None:
        import torch

        self._device = device
        with torch.cuda.device(device):
            self._stream = torch.cuda.Stream()
            self._copied = torch.cuda.Event()
        self._token = torch.empty(1, dtype=torch.int64, pin_memory=True)

    def record(self, work: Callable[[], torch.Tensor]) -> RecordedPass:
        """Do ``work`` a few times, then record it, on a stream of its own."""
        import torch

        graph = torch.cuda.CUDAGraph()
        with torch.cuda.device(self._device):
            self._stream.wait_stream(torch.cuda.current_stream())
            # Not torch.cuda.graph: left by an exception, it can leave its stream the current one.
            with torch.cuda.stream(self._stream):
                for _ in range(PASSES_BEFORE):
                    work()
                self._stream.synchronize()
                output = _captured(graph, work)
            torch.cuda.current_stream().wait_stream(self._stream)

        def run() -> torch.Tensor:
            graph.replay()
            return output

        return RecordedPass(run, _pool_bytes(graph))

    def read(self, token: torch.Tensor) -> Callable[[], int]:
        """Copy ``token`` behind what is under way; the next pass need not be waited for."""
        import torch

        self._token.copy_(token, non_blocking=True)
        self._copied.record(torch.cuda.current_stream(self._device))

        def wait() -> int:
            self._copied.synchronize()
            return int(self._token.item())

        return wait


def _captured(graph: torch.cuda.CUDAGraph, work: Callable[[], torch.Tensor]) -> torch.Tensor:
    # The user's own threads may use the device meanwhile: only this one is held to the rules.
    graph.capture_begin(capture_error_mode="thread_local")
    try:
        output = work()
    except BaseException:
        # Its own complaint about a broken recording would hide the reason.
        with suppress(RuntimeError):
            graph.capture_end()
        raise
    graph.capture_end()
    return output


def _pool_bytes(graph: torch.cuda.CUDAGraph) -> int:
    """Return what torch's allocator has set aside for ``graph`` alone, in bytes."""
    import torch

    pool = tuple(graph.pool())
    segments = torch.cuda.memory_snapshot()
    own = (part for part in segments if tuple(part.get("segment_pool_id", ())) == pool)
    return sum(int(part["total_size"]) for part in own)
