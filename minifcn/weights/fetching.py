"""One file from the network, whole and the right one, or none: `fetch(url, sha256, path)`.

Nothing is ever fetched unasked. What comes lies beside its place as `path`.part until its SHA-256 is the one that was
said; what is interrupted goes on from there. Only https is spoken, also where a server sends one elsewhere, and file:.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from minifcn.errors import ArgumentError, FileError
from minifcn.weights.atomic import atomic_path

CHUNK = 1 << 20
SECONDS = 60  # without a byte
SCHEMES = ("https", "file")
PARTIAL = 206

Report = Callable[[int, int | None], object]  # (bytes so far, bytes in all if that is known)


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        _check_scheme(newurl, ("https",))
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def opened(url: str, start: int) -> Any:
    """The response to a request for the bytes from `start` on; a server may send them all the same."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(), urllib.request.HTTPSHandler(), urllib.request.FileHandler(), _HttpsOnly(),
        urllib.request.HTTPDefaultErrorHandler(), urllib.request.HTTPErrorProcessor(),
    ):  # fmt: skip
        opener.add_handler(handler)
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    return opener.open(request, timeout=SECONDS)


def fetch(
    url: str,
    sha256: str,
    path: str | os.PathLike[str],
    report: Report = lambda done, size: None,
    open_url: Any = opened,
) -> Path:
    """`path`, with the content of `url`, whose SHA-256 is `sha256`.

    url       https://... or file:///...
    sha256    64 hexadecimal digits, from somebody you believe: it decides whether the file is the one that was meant
    path      where it goes. If it is there and has this SHA-256, nothing is fetched
    report    called with the bytes that are there and the bytes in all, None if the server does not say
    open_url  who answers: a function of (url, the first byte wanted), which returns a response of urllib

    Raises ArgumentError for another scheme or no SHA-256; FileError if another file is at `path`, the server does not
    answer or stops early (what came is kept, and the next call goes on), or the content is another, which is not kept.
    """
    _check_scheme(url, SCHEMES)
    if not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise ArgumentError(f"fetch: sha256 must be 64 hexadecimal digits, got {sha256!r}; ask who made the file.")
    target, wanted = Path(path), sha256.lower()
    if target.exists():
        if target.is_file() and _hash(target) == wanted:
            return target
        raise FileError(f"{path} is there and is another file; move it, or choose another name.")
    part = target.with_name(target.name + ".part")
    if not (part.is_file() and _hash(part) == wanted):
        _receive(url, part, report, open_url)
        found = _hash(part)
        if found != wanted:
            part.unlink()
            raise FileError(
                f"{path} was not written: what came from {url} has the SHA-256 {found}, not {wanted}; check both, and "
                f"do not use that file."
            )
    with atomic_path(target) as temporary:
        os.replace(part, temporary)
    return target


def _receive(url: str, part: Path, report: Report, open_url: Any) -> None:
    """Appends to `part` what it lacks, or begins anew where the server sends everything."""
    start = part.stat().st_size if part.is_file() else 0
    try:
        try:
            response = open_url(url, start)
        except urllib.error.HTTPError as error:
            if error.code != 416 or not start:  # there is nothing after `start`: what is there is of another file
                raise
            start, response = 0, open_url(url, 0)
        with contextlib.closing(response):
            if start and not _continues(response, start):
                start = 0
            length = response.headers.get("Content-Length")
            size = start + int(length) if length and length.isdecimal() else None
            with part.open("ab" if start else "wb") as file:
                report(start, size)
                while chunk := response.read(CHUNK):
                    file.write(chunk)
                    report(file.tell(), size)
    except (urllib.error.URLError, TimeoutError, ConnectionError, ValueError) as error:
        if isinstance(error, ArgumentError):
            raise
        reason = getattr(error, "reason", None) or error
        raise FileError(
            f"{url} could not be fetched ({reason}); check the address, and call it again to go on."
        ) from error
    except OSError as error:
        raise FileError(f"{part} could not be written ({error.strerror or error}); choose another place.") from error
    if size is not None and part.stat().st_size < size:
        raise FileError(f"{url} broke off after {part.stat().st_size} of {size} bytes; call it again to go on.")


def _continues(response: Any, start: int) -> bool:
    """Whether the server sends what comes after `start`, as it was asked, and not the whole file."""
    said = response.headers.get("Content-Range") or ""
    return getattr(response, "status", None) == PARTIAL and said.startswith(f"bytes {start}-")


def _check_scheme(url: str, schemes: tuple[str, ...]) -> None:
    scheme = urlsplit(url).scheme
    if scheme not in schemes:
        raise ArgumentError(
            f"fetch: {url!r} is of the scheme {scheme!r}, and only {' and '.join(schemes)} are fetched; give such an "
            f"address."
        )


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
