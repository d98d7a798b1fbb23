"""A download is the file that was meant or none, goes on where it broke off, and speaks https only."""

from __future__ import annotations

import hashlib
import io
import urllib.error
import urllib.request
from email.message import Message
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minifcn.errors import ArgumentError, FileError
from minifcn.weights import fetching
from minifcn.weights.fetching import CHUNK, fetch

CONTENT = np.random.default_rng(0).bytes(2 * CHUNK + 12345)
RIGHT = hashlib.sha256(CONTENT).hexdigest()
URL = "https://example.org/a.bin"


class Response(io.BytesIO):
    def __init__(self, content: bytes, status: int, headers: dict[str, str]) -> None:
        super().__init__(content)
        self.status, self.headers = status, headers


class Server:
    """Answers like a server that knows ranges, or does not; `breaks`: after so many bytes of its answers."""

    def __init__(self, content: bytes = CONTENT, ranges: bool = True, breaks: int | None = None) -> None:
        self.content, self.ranges, self.breaks, self.asked = content, ranges, breaks, []

    def __call__(self, url: str, start: int) -> Any:
        self.asked.append(start)
        if start and self.ranges:
            if start >= len(self.content):
                raise urllib.error.HTTPError(url, 416, "Range Not Satisfiable", Message(), None)
            rest, status = self.content[start:], 206
            headers = {"Content-Range": f"bytes {start}-{len(self.content) - 1}/{len(self.content)}"}
        else:
            rest, status, headers = self.content, 200, {}
        return Response(rest[: self.breaks], status, headers | {"Content-Length": str(len(rest))})


def test_a_file_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "there.bin").write_bytes(CONTENT)
    seen: list[tuple[int, int | None]] = []
    url = (tmp_path / "there.bin").as_uri()
    made = fetch(url, RIGHT.upper(), tmp_path / "here.bin", lambda done, size: seen.append((done, size)))
    assert made.read_bytes() == CONTENT and seen[0] == (0, len(CONTENT)) and seen[-1] == (len(CONTENT), len(CONTENT))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here.bin", "there.bin"]


@pytest.mark.parametrize("ranges", [True, False])
def test_it_goes_on_where_it_broke_off(tmp_path: Path, ranges: bool) -> None:
    server = Server(ranges=ranges, breaks=CHUNK + 7)
    with pytest.raises(FileError, match=f"broke off after {CHUNK + 7} of {len(CONTENT)} bytes; call it again"):
        fetch(URL, RIGHT, tmp_path / "a.bin", open_url=server)
    assert not (tmp_path / "a.bin").exists()
    server.breaks = None
    assert fetch(URL, RIGHT, tmp_path / "a.bin", open_url=server).read_bytes() == CONTENT
    assert server.asked == [0, CHUNK + 7] and [path.name for path in tmp_path.iterdir()] == ["a.bin"]


def test_what_is_there_already(tmp_path: Path) -> None:
    server = Server()
    (tmp_path / "a.bin").write_bytes(CONTENT)
    fetch(URL, RIGHT, tmp_path / "a.bin", open_url=server)
    (tmp_path / "b.bin.part").write_bytes(CONTENT)  # whole, but the last step was missed
    fetch(URL, RIGHT, tmp_path / "b.bin", open_url=server)
    assert server.asked == [] and (tmp_path / "b.bin").read_bytes() == CONTENT
    (tmp_path / "c.bin").write_bytes(b"mine")
    with pytest.raises(FileError, match=r"c\.bin is there and is another file"):
        fetch(URL, RIGHT, tmp_path / "c.bin", open_url=server)
    assert (tmp_path / "c.bin").read_bytes() == b"mine"
    (tmp_path / "d.bin.part").write_bytes(CONTENT + b"more")  # the part of another, longer file
    assert fetch(URL, RIGHT, tmp_path / "d.bin", open_url=server).read_bytes() == CONTENT


def test_another_content_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=rf"has the SHA-256 [0-9a-f]{{64}}, not {RIGHT}; check both"):
        fetch(URL, RIGHT, tmp_path / "a.bin", open_url=Server(CONTENT[:-1] + b"x"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["http://example.org/a", "ftp://example.org/a", "a.bin", "data:,hello", "javascript:1"])
def test_other_schemes(tmp_path: Path, url: str) -> None:
    with pytest.raises(ArgumentError, match="only https and file are fetched"):
        fetch(url, RIGHT, tmp_path / "a.bin", open_url=Server())


def test_a_server_that_sends_one_elsewhere(tmp_path: Path) -> None:
    handler = fetching._HttpsOnly()
    request = urllib.request.Request(URL)
    for url in ("http://example.org/b", "file:///etc/hostname"):
        with pytest.raises(ArgumentError, match="only https are fetched"):
            handler.redirect_request(request, None, 302, "Found", Message(), url)
    assert handler.redirect_request(request, None, 302, "Found", Message(), "https://example.com/b") is not None


@pytest.mark.parametrize("given", ["", "abc", "g" * 64, "0" * 63, "0" * 65])
def test_no_sha256(tmp_path: Path, given: str) -> None:
    with pytest.raises(ArgumentError, match="sha256 must be 64 hexadecimal digits"):
        fetch(URL, given, tmp_path / "a.bin", open_url=Server())


def test_nobody_answers(tmp_path: Path) -> None:
    def silent(url: str, start: int) -> Any:
        raise urllib.error.URLError("no route")

    with pytest.raises(FileError, match=rf"{URL} could not be fetched \(no route\)"):
        fetch(URL, RIGHT, tmp_path / "a.bin", open_url=silent)
    with pytest.raises(FileError, match="could not be fetched"):
        fetch((tmp_path / "none").as_uri(), RIGHT, tmp_path / "a.bin")
    assert list(tmp_path.iterdir()) == []
