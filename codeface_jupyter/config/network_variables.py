"""Which environment variable keeps the network from being reached, where one does."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from pathlib import Path

from codeface_jupyter.privacy import masked_url

__all__ = ["variable_at_fault"]

CERTIFICATE_FILES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
CERTIFICATE_FOLDER = "SSL_CERT_DIR"
# A debugging aid of Python's: every connection is logged there.
KEY_LOG = "SSLKEYLOGFILE"
PROXIES = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY")
PROXY_SCHEMES = ("http://", "https://")


def variable_at_fault(error: Exception) -> str:
    """Return what is wrong with which variable, as a part of a sentence; empty if none is.

    HTTP clients fail with errors of their own, which name neither.

    Parameters
    ----------
    error
        What the client raised.
    """
    if isinstance(error, ImportError | ValueError):
        return next(_bad_proxies(error), "")
    if isinstance(error, OSError):
        return next(_bad_certificates(), "")
    return ""


def _bad_proxies(error: Exception) -> Iterator[str]:
    for variable in (name for known in PROXIES for name in (known, known.lower())):
        url = os.environ.get(variable, "")
        if not url or url.startswith(PROXY_SCHEMES):
            continue
        shown = f"{variable} = {masked_url(url)}"
        if isinstance(error, ImportError) and url.startswith("socks"):
            yield f"{shown} is a SOCKS proxy, for which the package socksio is not installed"
        elif isinstance(error, ValueError):
            yield f"{shown} is not the address of a proxy"


def _bad_certificates() -> Iterator[str]:
    for variable in CERTIFICATE_FILES:
        file = os.environ.get(variable)
        if file and (reason := _unreadable(Path(file))):
            yield f"{variable} = {file} {reason}"
    folder = os.environ.get(CERTIFICATE_FOLDER)
    if folder and not Path(folder).is_dir():
        yield f"{CERTIFICATE_FOLDER} = {folder} is not a folder"
    key_log = os.environ.get(KEY_LOG)
    if key_log and not _is_writable(Path(key_log)):
        yield f"{KEY_LOG} = {key_log} cannot be written to"


def _is_writable(file: Path) -> bool:
    try:
        with file.open("ab"):
            return True
    except OSError:
        return False


def _unreadable(file: Path) -> str:
    if not file.exists():
        return "does not exist"
    if file.is_dir():
        return ""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=file)
    except OSError:
        return "holds no certificates that can be read"
    return ""
