"""Find and hide secrets: whatever seems to be a key, a token or a password.

A text is looked through in time that grows as its length does, whatever it holds: `re` keeps
the interpreter to itself, so nothing else, not even Stop, is heard meanwhile
([decision 13](../../docs/decisions/0013-finding-secrets.md)).
"""

from __future__ import annotations

from codeface_jupyter.privacy.names import is_secret_name
from codeface_jupyter.privacy.redaction import SECRET_MARK, has_secret, mask, redact
from codeface_jupyter.privacy.urls import masked_url
from codeface_jupyter.privacy.values import HIDDEN, may_be_secret

__all__ = [
    "HIDDEN",
    "SECRET_MARK",
    "has_secret",
    "is_secret_name",
    "mask",
    "masked_url",
    "may_be_secret",
    "redact",
]
