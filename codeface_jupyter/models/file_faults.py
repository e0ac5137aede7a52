"""What other packages raise over a model's files that hold what they do not expect."""

from __future__ import annotations

__all__ = ["file_faults"]


def file_faults(*others: type[Exception]) -> tuple[type[Exception], ...]:
    """Return the errors that are the files' fault, and others: nearly all, for any values.

    Not other kinds of ``RuntimeError``, which is also what a shortage of memory raises.
    """
    from huggingface_hub.errors import StrictDataclassError

    bad_values = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError)
    return (*bad_values, OSError, RecursionError, ValueError, StrictDataclassError, *others)
