"""What only a single call may allow, and no setting: running code that comes with a model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["NOTHING_MORE", "Permissions"]


@dataclass(frozen=True, kw_only=True)
class Permissions:
    """What the user has allowed by name in this call.

    Attributes
    ----------
    trust_remote_code
        Run the Python files that lie beside the model's weights.
    allow_pickle
        Read weights in torch's pickle format.
    """

    trust_remote_code: bool = False
    allow_pickle: bool = False

    def warnings(self) -> Iterator[str]:
        """Yield one sentence for each danger that was allowed."""
        if self.trust_remote_code:
            yield (
                "--trust-remote-code runs the model's own Python files with all your rights, "
                "in this call."
            )
        if self.allow_pickle:
            yield (
                "--allow-pickle reads pickled weights, a format that has been used to carry "
                "malicious code, in this call."
            )


NOTHING_MORE = Permissions()
