"""Tokens that are known by their form, whatever name they stand under.

Each expression begins at the start of a word and no part of it can match in two ways, so that
a text is looked through in one go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from codeface_jupyter.privacy.values import is_random

__all__ = ["issued_tokens"]

CLOUD_TOKENS = (
    r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}|AIza[\w-]{35}|ya29\.[\w-]{20,}|GOCSPX-[\w-]{28}"
    r"|do[opr]_v1_[0-9a-f]{64}|dapi[0-9a-f]{32}|HRKU-[\w-]{30,}|hv[sbr]\.[\w-]{20,}"
    r"|dp\.(?:pt|st|ct)\.\w{40,}|AGE-SECRET-KEY-1[A-Z0-9]{58}"
)
# Code hosts and package registries.
CODE_TOKENS = (
    r"gh[pousr]_\w{36,}|github_pat_\w{20,}|GR1348941[\w-]{20}"
    r"|gl(?:pat|dt|ft|soat|rt|cbt|ptt|agent|imt|oas|ffct|wt)-[\w-]{20,}"
    r"|npm_[A-Za-z0-9]{36,}|pypi-[\w-]{50,}|rubygems_[0-9a-f]{48}|dckr_pat_[\w-]{20,}"
    r"|ATATT3[\w=-]{50,}|AKC[A-Za-z0-9]{40,}"
)
MODEL_TOKENS = (
    r"hf_[A-Za-z0-9]{30,}|api_org_[A-Za-z0-9]{30,}|sk-[\w-]{20,}|gsk_\w{40,}|r8_\w{30,}"
    r"|nvapi-[\w-]{40,}|pplx-\w{40,}|xai-\w{40,}|pcsk_\w{40,}|lsv2_[a-z]{2}_\w{30,}"
    r"|tvly-[\w-]{20,}|jina_\w{40,}|fw_[A-Za-z0-9]{20,}|wandb_v1_\w{30,}"
)
# Messages and payments.
MESSAGE_TOKENS = (
    r"xox[a-z]-[\w-]{10,}|xapp-\d-[\w-]{10,}|hooks\.slack\.com/services/[\w/-]{20,}"
    r"|discord(?:app)?\.com/api/webhooks/\d{10,}/[\w-]{20,}"
    r"|webhook\.office\.com/webhookb2/[\w@-]{30,}/[\w/-]{20,}"
    r"|[rs]k_(?:live|test)_[0-9A-Za-z]{16,}|whsec_[\w+/=]{20,}|(?:AC|SK)[0-9a-f]{32}"
    r"|SG\.[\w-]{16,64}\.[\w-]{16,}|[0-9a-f]{32}-us\d{1,2}|key-[0-9a-f]{32}"
    r"|sq0(?:csp|atp)-[\w-]{22,}|shp(?:at|ss|ca|pa)_[0-9a-fA-F]{32}|EAA[A-Za-z0-9]{80,}"
    r"|\d{8,10}:[\w-]{35}|[MNO][\w-]{23,25}\.[\w-]{6}\.[\w-]{27,}"
)
SERVICE_TOKENS = (
    r"gl(?:c|sa)_[\w=+/-]{30,}|sntry[su]_[\w=+/-]{30,}|NRAK-[A-Z0-9]{27}|sbp_[0-9a-f]{40}"
    r"|pscale_(?:tkn|pw|oauth)_[\w.-]{30,}|PMAK-[0-9a-f]{24}-[0-9a-f]{34}"
    r"|ntn_\w{40,}|secret_[A-Za-z0-9]{40,}|lin_api_\w{30,}|figd_[\w-]{30,}"
    r"|pat[A-Za-z0-9]{14}\.[0-9a-f]{64}|\w{3}8Q~[\w.~-]{30,}"
)
# Forms that many issuers use.
SHARED_TOKENS = (
    r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*|AccountKey=[A-Za-z0-9+/=]{40,}"
    r"|PuTTY-User-Key-File-\d"
)
FORMATS = (CLOUD_TOKENS, CODE_TOKENS, MODEL_TOKENS, MESSAGE_TOKENS, SERVICE_TOKENS, SHARED_TOKENS)
# A line's end may be written as an escape, whose letter ends where the token begins.
WORD_START = r"(?:(?<![A-Za-z0-9_-])|(?<=\\[nrt]))"
ISSUED = re.compile(rf"{WORD_START}(?:{'|'.join(FORMATS)})(?![A-Za-z0-9])")
QUOTED_WORD = re.compile(r"""["'](?P<value>[A-Za-z0-9+/=_-]{20,})["']""")


def issued_tokens(text: str) -> Iterator[tuple[int, int]]:
    """Yield where in ``text`` tokens of a known form are, and quoted words that were drawn."""
    for match in ISSUED.finditer(text):
        yield match.span()
    for match in QUOTED_WORD.finditer(text):
        if is_random(match["value"]):
            yield match.span("value")
