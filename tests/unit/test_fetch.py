"""Models from a folder, from our cache, from the hub's cache and from a small hub of our own."""

import errno
import hashlib
import json
import os
import re
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from huggingface_hub import constants

from codeface_jupyter.config.permissions import Permissions
from codeface_jupyter.errors import (
    DigestMismatchError,
    FetchError,
    ModelError,
    ModelFilesError,
    ModelNotFoundError,
)
from codeface_jupyter.generation import Chunk
from codeface_jupyter.jobs import Cancelled, Job, Progress
from codeface_jupyter.models import catalog, storage
from codeface_jupyter.models.catalog import ModelEntry, PublishedGguf, WheelPart, WheelSource
from codeface_jupyter.models.conversion import gguf_folder as convert
from codeface_jupyter.models.fetch import ensure_local, locate
from codeface_jupyter.models.folder_check import folder_revision
from codeface_jupyter.models.local_model import LocalModel, ModelRequest
from codeface_jupyter.models.storage import new_folder, writing_into

COMMIT = "a" * 40
MODEL = "owner/tiny"


def ignore(_: Progress | Chunk) -> None:
    pass


def safetensors_bytes(size: int = 200_000) -> bytes:
    tensor = {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}
    header = json.dumps({"weight": tensor}).encode()
    return struct.pack("<Q", len(header)) + header + b"\7" * size


def small_repository() -> dict[str, bytes]:
    return {
        "README.md": b"not wanted",
        "config.json": json.dumps({"architectures": ["LlamaForCausalLM"]}).encode(),
        "tokenizer.json": b"{}",
        "pytorch_model.bin": b"never",
        "model.safetensors": safetensors_bytes(),
    }


@dataclass
class FakeHub:
    """What the hub holds and how it behaves; answers on loopback while a test runs."""

    files: dict[str, bytes] = field(default_factory=small_repository)
    published_sha256: dict[str, str] = field(default_factory=dict)
    cuts: int = 0
    status: int = 200
    requests: list[str] = field(default_factory=list)
    stall: threading.Event | None = None
    stalled: threading.Event = field(default_factory=threading.Event)

    def sha256(self, name: str) -> str:
        return self.published_sha256.get(name) or hashlib.sha256(self.files[name]).hexdigest()

    def info(self) -> dict[str, object]:
        siblings: list[dict[str, object]] = []
        for name, content in self.files.items():
            sibling: dict[str, object] = {"rfilename": name, "size": len(content)}
            if name.endswith((".safetensors", ".bin", ".gguf", "tokenizer.json")):
                lfs = {"sha256": self.sha256(name), "size": len(content), "pointerSize": 130}
                sibling["lfs"] = lfs
            siblings.append(sibling)
        return {"id": MODEL, "sha": COMMIT, "siblings": siblings}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: FakeHub

    def do_HEAD(self) -> None:
        self.answer(with_body=False)

    def do_GET(self) -> None:
        self.answer(with_body=True)

    def answer(self, *, with_body: bool) -> None:
        self.hub.requests.append(f"{self.command} {self.path}")
        if self.path.startswith(f"/api/models/{MODEL}/revision/") and self.hub.status == 200:
            self.reply(200, json.dumps(self.hub.info()).encode(), with_body=with_body)
        elif found := re.fullmatch(rf"/{MODEL}/resolve/[^/]+/(.+)", self.path):
            self.send_file(found[1], with_body=with_body)
        else:
            status = self.hub.status if self.hub.status != 200 else 404
            code = {401: "GatedRepo", 404: "RepoNotFound"}.get(status, "")
            headers = {"X-Error-Code": code} if code else {}
            self.reply(status, b"{}", with_body=with_body, headers=headers)

    def send_file(self, name: str, *, with_body: bool) -> None:
        content = self.hub.files[name]
        headers = {"ETag": f'"{self.hub.sha256(name)}"', "X-Repo-Commit": COMMIT}
        start = 0
        if wanted := self.headers.get("Range"):
            start = int(wanted.removeprefix("bytes=").partition("-")[0])
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        body = content[start:]
        if with_body and name.endswith(".safetensors") and self.hub.cuts > 0:
            self.hub.cuts -= 1
            self.reply(200, body, with_body=True, headers=headers, send=len(body) // 2)
            self.close_connection = True
            return
        if with_body and name.endswith(".safetensors") and self.hub.stall is not None:
            self.hub.stalled.set()
            self.hub.stall.wait()
        self.reply(206 if start else 200, body, with_body=with_body, headers=headers)

    def reply(
        self,
        status: int,
        body: bytes,
        *,
        with_body: bool,
        headers: dict[str, str] | None = None,
        send: int | None = None,
    ) -> None:
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body[:send])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(autouse=True)
def own_hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "hub"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    return folder


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    state = FakeHub()
    handler = type("BoundHandler", (Handler,), {"hub": state})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield state
    if state.stall is not None:
        state.stall.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    # Port 9 is "discard": nothing listens there.
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")


@pytest.fixture
def cache_dir(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "my-model"
    path.mkdir()
    for name, content in small_repository().items():
        (path / name).write_bytes(content)
    return path


class TestLocalFolder:
    def test_a_folder_is_taken_as_it_is_without_asking_anyone(
        self, folder: Path, cache_dir: Path, hub: FakeHub
    ) -> None:
        found = ensure_local(ModelRequest(str(folder), cache_dir), Job())
        revision = folder_revision(folder)
        assert found == LocalModel(
            name=str(folder), path=folder, source="folder", revision=revision
        )
        assert hub.requests == []

    def test_a_broken_folder_is_refused_by_file(self, folder: Path, cache_dir: Path) -> None:
        (folder / "model.safetensors").write_bytes(b"short")
        with pytest.raises(ModelFilesError, match=r"model\.safetensors is corrupt"):
            locate(ModelRequest(str(folder), cache_dir))

    @pytest.mark.parametrize("name", ["../nowhere", "/nowhere/at/all", "a/b/c", "a b", "~nobody/x"])
    def test_a_path_that_is_not_there_is_not_asked_of_the_hub(
        self, name: str, cache_dir: Path, hub: FakeHub
    ) -> None:
        with pytest.raises(ModelNotFoundError, match="neither a folder here nor a model's name"):
            ensure_local(ModelRequest(name, cache_dir), Job())
        assert hub.requests == []

    @pytest.mark.parametrize("name", ["a" * 300, "~no-such-user/model"])
    def test_a_path_that_cannot_be_is_said(self, name: str, cache_dir: Path) -> None:
        with pytest.raises(ModelError) as caught:
            locate(ModelRequest(name, cache_dir))
        assert name in caught.value.message

    def test_a_file_is_no_model(self, folder: Path, cache_dir: Path) -> None:
        with pytest.raises(ModelFilesError, match="is a file"):
            locate(ModelRequest(str(folder / "config.json"), cache_dir))


@pytest.mark.parametrize(("is_ours", "hint"), [(True, "CODEFACE_CACHE_DIR"), (False, "")])
def test_what_may_not_be_looked_into_names_the_setting_if_it_is_the_cache_folder(
    cache_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_ours: bool, hint: str
) -> None:
    place = (cache_dir if is_ours else tmp_path) / "of-others"

    def refused(_: ModelRequest) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(place))

    monkeypatch.setattr("codeface_jupyter.models.fetch.cached_snapshot", refused)
    with pytest.raises(ModelFilesError, match="of-others cannot be read") as caught:
        locate(ModelRequest(MODEL, cache_dir))
    assert hint in caught.value.hint
    assert bool(hint) == bool(caught.value.hint)


class TestGgufOnHub:
    @pytest.fixture
    def quantized(self, hub: FakeHub, make_gguf: Callable[..., Path], tmp_path: Path) -> FakeHub:
        """A repository with one model in two quantizations, one of them deeper."""
        for number, name in enumerate(("tiny-Q4_K_M.gguf", "Q8_0/tiny-Q8_0.gguf")):
            hub.files[name] = make_gguf(tmp_path / "made.gguf", seed=number).read_bytes()
        return hub

    @pytest.mark.parametrize(
        ("quantization", "name"), [("q4_k_m", "tiny-Q4_K_M.gguf"), ("Q8_0", "Q8_0/tiny-Q8_0.gguf")]
    )
    def test_only_the_file_that_is_named_comes(
        self, quantization: str, name: str, cache_dir: Path, quantized: FakeHub
    ) -> None:
        request = ModelRequest(f"{MODEL}:{quantization}", cache_dir)
        assert locate(request) is None
        found = ensure_local(request, Job())
        assert (found.source, found.gguf) == ("gguf", found.path)
        assert found.path.read_bytes() == quantized.files[name]
        fetched = {line.rpartition("/")[2] for line in quantized.requests if "resolve" in line}
        assert fetched == {Path(name).name}
        asked = len(quantized.requests)
        assert locate(request) == found
        assert len(quantized.requests) == asked

    def test_what_is_not_the_published_file_is_removed(
        self, cache_dir: Path, quantized: FakeHub
    ) -> None:
        quantized.published_sha256["tiny-Q4_K_M.gguf"] = "0" * 64
        request = ModelRequest(f"{MODEL}:Q4_K_M", cache_dir)
        with pytest.raises(DigestMismatchError):
            ensure_local(request, Job())
        assert locate(request) is None

    def test_a_quantization_that_it_lacks_is_said(
        self, cache_dir: Path, quantized: FakeHub
    ) -> None:
        with pytest.raises(ModelFilesError, match="no GGUF quantized as Q2_K") as caught:
            ensure_local(ModelRequest(f"{MODEL}:Q2_K", cache_dir), Job())
        assert "tiny-Q4_K_M" in caught.value.hint


class TestHub:
    def test_only_safetensors_and_text_files_come(self, cache_dir: Path, hub: FakeHub) -> None:
        told: list[Progress | Chunk] = []
        found = ensure_local(ModelRequest(MODEL, cache_dir), Job(told.append))
        assert found.source == "hub"
        assert found.revision == COMMIT
        names = sorted(path.name for path in found.path.iterdir())
        assert names == ["config.json", "model.safetensors", "tokenizer.json"]
        downloads = [
            p for p in told if isinstance(p, Progress) and p.stage == f"Downloading {MODEL}"
        ]
        assert downloads[-1].completed == downloads[-1].total
        assert [p.completed for p in downloads] == sorted(p.completed for p in downloads)

    def test_openvinos_own_form_comes_where_there_are_no_safetensors(
        self, cache_dir: Path, hub: FakeHub
    ) -> None:
        del hub.files["model.safetensors"]
        hub.files |= {"openvino_model.xml": b"<net/>", "openvino_model.bin": b"\0" * 1_000}
        found = ensure_local(ModelRequest(MODEL, cache_dir), Job())
        names = sorted(path.name for path in found.path.iterdir())
        wanted = ["config.json", "openvino_model.bin", "openvino_model.xml", "tokenizer.json"]
        assert names == wanted
        assert locate(ModelRequest(MODEL, cache_dir)) == found

    def test_allowed_pickles_come_before_openvinos_own_form(
        self, cache_dir: Path, hub: FakeHub
    ) -> None:
        del hub.files["model.safetensors"]
        hub.files |= {"openvino_model.xml": b"<net/>", "openvino_model.bin": b"\0" * 1_000}
        hub.files["pytorch_model.bin"] = b"pickled"
        allowing = Permissions(allow_pickle=True)
        found = ensure_local(ModelRequest(MODEL, cache_dir, permissions=allowing), Job())
        names = sorted(path.name for path in found.path.iterdir())
        assert names == ["config.json", "pytorch_model.bin", "tokenizer.json"]

    def test_the_second_time_nothing_is_asked(self, cache_dir: Path, hub: FakeHub) -> None:
        first = ensure_local(ModelRequest(MODEL, cache_dir), Job())
        asked = len(hub.requests)
        assert locate(ModelRequest(MODEL, cache_dir)) == first
        assert ensure_local(ModelRequest(MODEL, cache_dir), Job()) == first
        assert len(hub.requests) == asked

    def test_locate_never_downloads(self, cache_dir: Path, hub: FakeHub) -> None:
        assert locate(ModelRequest(MODEL, cache_dir)) is None
        assert hub.requests == []

    def test_a_cut_connection_is_resumed_where_it_broke(
        self, cache_dir: Path, hub: FakeHub
    ) -> None:
        hub.cuts = 1
        found = ensure_local(ModelRequest(MODEL, cache_dir), Job())
        assert (found.path / "model.safetensors").read_bytes() == hub.files["model.safetensors"]

    def test_a_connection_that_stays_cut_is_an_error_and_nothing_counts_as_whole(
        self, cache_dir: Path, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # The hub's library waits a second before each of its attempts.
        monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda _: None)
        hub.cuts = 100
        with pytest.raises(FetchError, match="connection to the hub was lost"):
            ensure_local(ModelRequest(MODEL, cache_dir), Job())
        assert locate(ModelRequest(MODEL, cache_dir)) is None
        hub.cuts = 0
        assert ensure_local(ModelRequest(MODEL, cache_dir), Job()).source == "hub"

    def test_a_wrong_digest_is_refused_and_the_file_removed(
        self, cache_dir: Path, hub: FakeHub, own_hub_cache: Path
    ) -> None:
        hub.published_sha256["model.safetensors"] = "0" * 64
        with pytest.raises(DigestMismatchError, match=r"model\.safetensors"):
            ensure_local(ModelRequest(MODEL, cache_dir), Job())
        assert locate(ModelRequest(MODEL, cache_dir)) is None
        sizes = {path.stat().st_size for path in own_hub_cache.rglob("*") if path.is_file()}
        assert len(hub.files["model.safetensors"]) not in sizes

    def test_a_snapshot_that_was_never_checked_is_not_taken(
        self, cache_dir: Path, hub: FakeHub
    ) -> None:
        cancel = threading.Event()

        def cancel_while_checking(progress: Progress | Chunk) -> None:
            if isinstance(progress, Progress) and progress.stage == "Checking digests":
                cancel.set()

        with pytest.raises(Cancelled):
            ensure_local(ModelRequest(MODEL, cache_dir), Job(cancel_while_checking, cancel=cancel))
        assert locate(ModelRequest(MODEL, cache_dir)) is None
        assert ensure_local(ModelRequest(MODEL, cache_dir), Job()).source == "hub"

    def test_cancel_stops_a_download(self, cache_dir: Path, hub: FakeHub) -> None:
        cancel = threading.Event()

        def cancel_at_first_byte(progress: Progress | Chunk) -> None:
            if isinstance(progress, Progress) and progress.stage.startswith("Downloading"):
                cancel.set()

        with pytest.raises(Cancelled):
            ensure_local(ModelRequest(MODEL, cache_dir), Job(cancel_at_first_byte, cancel=cancel))
        assert not any("model.safetensors" in request for request in hub.requests)
        assert locate(ModelRequest(MODEL, cache_dir)) is None

    def test_cancel_does_not_wait_for_a_connection_that_hangs(
        self, cache_dir: Path, hub: FakeHub
    ) -> None:
        hub.stall = threading.Event()
        cancel = threading.Event()

        def cancel_when_it_hangs() -> None:
            hub.stalled.wait()
            cancel.set()

        threading.Thread(target=cancel_when_it_hangs).start()
        began = time.monotonic()
        with pytest.raises(Cancelled):
            ensure_local(ModelRequest(MODEL, cache_dir), Job(ignore, cancel=cancel))
        assert time.monotonic() - began < 3
        assert locate(ModelRequest(MODEL, cache_dir)) is None

    def test_a_repository_of_pickles_is_refused_before_anything_comes(
        self, cache_dir: Path, hub: FakeHub
    ) -> None:
        del hub.files["model.safetensors"]
        with pytest.raises(ModelFilesError, match=r"owner/tiny/pytorch_model\.bin holds pickled"):
            ensure_local(ModelRequest(MODEL, cache_dir), Job())
        assert not any("resolve" in request for request in hub.requests)

    def test_the_single_file_is_preferred_to_shards_of_the_same_weights(
        self, cache_dir: Path, hub: FakeHub
    ) -> None:
        hub.files["model-00001-of-00001.safetensors"] = safetensors_bytes()
        ensure_local(ModelRequest(MODEL, cache_dir), Job())
        assert not any("model-00001" in request for request in hub.requests)

    def test_a_full_disk_is_seen_before_the_download(
        self, cache_dir: Path, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Usage:
            free = 1_000

        monkeypatch.setattr(storage.shutil, "disk_usage", lambda _: Usage)
        with pytest.raises(FetchError, match=r"needs 200 kB in .*, but 1 kB are free") as caught:
            ensure_local(ModelRequest(MODEL, cache_dir), Job())
        assert "set HF_HUB_CACHE to" in caught.value.hint

    @pytest.mark.parametrize(
        ("status", "error", "message"),
        [
            (404, ModelNotFoundError, "The hub has no model 'owner/tiny'"),
            (401, FetchError, "licence of owner/tiny has to be accepted"),
            (503, FetchError, "The hub could not be reached"),
        ],
    )
    def test_what_the_hub_refuses_is_said_clearly(
        self, status: int, error: type[Exception], message: str, cache_dir: Path, hub: FakeHub
    ) -> None:
        hub.status = status
        with pytest.raises(error, match=message):
            ensure_local(ModelRequest(MODEL, cache_dir), Job())

    @pytest.mark.usefixtures("no_hub")
    def test_no_network_gives_up_within_seconds(self, cache_dir: Path) -> None:
        began = time.monotonic()
        with pytest.raises(FetchError, match=r"is not on this machine\. The hub could not be"):
            ensure_local(ModelRequest(MODEL, cache_dir), Job())
        assert time.monotonic() - began < 5

    def test_offline_mode_asks_nobody_and_says_so(
        self, cache_dir: Path, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        with pytest.raises(FetchError, match="HF_HUB_OFFLINE"):
            ensure_local(ModelRequest(MODEL, cache_dir), Job())
        assert hub.requests == []

    def test_a_mistyped_catalog_name_is_met_with_its_neighbours(
        self, cache_dir: Path, no_hub: None
    ) -> None:
        with pytest.raises(FetchError) as caught:
            ensure_local(ModelRequest("qwen2.5-coder-0.6b", cache_dir), Job())
        assert "Did you mean qwen2.5-coder-0.5b" in caught.value.hint


@pytest.fixture
def entry(monkeypatch: pytest.MonkeyPatch) -> ModelEntry:
    """A catalog model that both the hub and the package index may have."""
    entry = ModelEntry(
        name="tiny",
        hub_id=MODEL,
        revision=COMMIT,
        parameters=1_000,
        licence="MIT",
        file_bytes=2_000,
        context_window=64,
        kv_values_per_token=1,
        is_chat=False,
        wheels=WheelSource(
            parts=(WheelPart("tiny-part1", "1.0", "tiny_part1/data/part01.bin"),),
            sha256="5" * 64,
            size_bytes=10,
            quantization="Q4_0",
        ),
    )
    for name in (entry.name, entry.hub_id):
        monkeypatch.setitem(catalog._BY_ANY_NAME, name, entry)
    return entry


def write_converted(cache_dir: Path, *, sha256: str, version: int | None = None) -> Path:
    path = cache_dir / "models" / "tiny"
    path.mkdir(parents=True)
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (path / name).write_bytes(small_repository()[name])
    manifest = {
        "converter_version": version or convert.CONVERTER_VERSION,
        "source_sha256": sha256,
    }
    (path / "codeface.json").write_text(json.dumps(manifest))
    return path


class TestCatalogModel:
    def test_our_own_converted_files_come_before_the_hub(
        self, entry: ModelEntry, cache_dir: Path, hub: FakeHub
    ) -> None:
        path = write_converted(cache_dir, sha256="5" * 64)
        for name in ("tiny", MODEL):
            found = ensure_local(ModelRequest(name, cache_dir), Job())
            assert (found.name, found.path, found.source) == ("tiny", path, "converted")
            assert found.entry is entry
            assert found.gguf is None
        assert hub.requests == []

    def test_the_kept_gguf_is_told(self, entry: ModelEntry, cache_dir: Path) -> None:
        write_converted(cache_dir, sha256="5" * 64)
        gguf = cache_dir / "gguf" / "tiny.gguf"
        gguf.parent.mkdir()
        gguf.write_bytes(b"GGUF")
        found = locate(ModelRequest("tiny", cache_dir))
        assert found is not None
        assert found.gguf == gguf

    def test_a_folder_without_weights_counts_as_long_as_the_gguf_is_there(
        self, entry: ModelEntry, cache_dir: Path
    ) -> None:
        folder = write_converted(cache_dir, sha256="5" * 64)
        (folder / "model.safetensors").unlink()
        assert locate(ModelRequest("tiny", cache_dir)) is None
        gguf = cache_dir / "gguf" / "tiny.gguf"
        gguf.parent.mkdir()
        gguf.write_bytes(b"GGUF")
        found = locate(ModelRequest("tiny", cache_dir))
        assert found is not None
        assert (found.path, found.gguf) == (folder, gguf)

    @pytest.mark.parametrize(
        ("sha256", "version"), [("6" * 64, None), ("5" * 64, convert.CONVERTER_VERSION + 1)]
    )
    def test_files_converted_from_another_source_or_by_another_version_do_not_count(
        self, entry: ModelEntry, cache_dir: Path, sha256: str, version: int | None
    ) -> None:
        write_converted(cache_dir, sha256=sha256, version=version)
        assert locate(ModelRequest("tiny", cache_dir)) is None

    def test_another_revision_is_asked_of_the_hub(
        self, entry: ModelEntry, cache_dir: Path, hub: FakeHub
    ) -> None:
        write_converted(cache_dir, sha256="5" * 64)
        found = ensure_local(ModelRequest("tiny", cache_dir, revision="main"), Job())
        assert found.source == "hub"

    def test_the_pinned_revision_is_what_the_hub_is_asked_for(
        self, entry: ModelEntry, cache_dir: Path, hub: FakeHub
    ) -> None:
        assert ensure_local(ModelRequest("tiny", cache_dir), Job()).source == "hub"
        assert hub.requests[0] == f"GET /api/models/{MODEL}/revision/{COMMIT}?blobs=true"

    @pytest.mark.usefixtures("no_hub")
    def test_without_a_hub_the_package_index_is_asked(
        self, entry: ModelEntry, cache_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("PIP_NO_INDEX", "1")
        monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
        with pytest.raises(FetchError, match=r"tiny-part1==1\.0 could not be fetched"):
            ensure_local(ModelRequest("tiny", cache_dir), Job())

    def test_for_an_engine_that_reads_gguf_the_publishers_own_comes(
        self,
        entry: ModelEntry,
        cache_dir: Path,
        hub: FakeHub,
        make_gguf: Callable[..., Path],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        content = make_gguf(tmp_path / "tiny.gguf").read_bytes()
        hub.files |= {"tiny-q4_0.gguf": content, "tiny-q8_0.gguf": content}
        published = PublishedGguf(repository=MODEL, file="tiny-q4_0.gguf", quantization="Q4_0")
        with_gguf = replace(entry, gguf=published)
        monkeypatch.setitem(catalog._BY_ANY_NAME, "tiny", with_gguf)
        request = ModelRequest("tiny", cache_dir, as_gguf=True)
        assert locate(request) is None
        found = ensure_local(request, Job())
        assert (found.name, found.entry, found.source) == ("tiny", with_gguf, "gguf")
        assert found.gguf is not None
        assert found.gguf.name == "tiny-q4_0.gguf"
        assert locate(request) == found
        fetched = [line for line in hub.requests if line.startswith("GET") and "resolve" in line]
        assert all("tiny-q4_0.gguf" in line for line in fetched)

    def test_without_one_on_the_hub_it_is_the_package_indexs(
        self,
        entry: ModelEntry,
        cache_dir: Path,
        hub: FakeHub,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        monkeypatch.setenv("PIP_NO_INDEX", "1")
        monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
        with pytest.raises(FetchError, match=r"tiny-part1==1\.0 could not be fetched"):
            ensure_local(ModelRequest("tiny", cache_dir, as_gguf=True), Job())
        assert hub.requests == []

    def test_a_file_of_a_known_name_does_not_hide_the_model(
        self, entry: ModelEntry, cache_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_converted(cache_dir, sha256="5" * 64)
        monkeypatch.chdir(tmp_path)
        (tmp_path / "tiny").write_text("notes")
        found = locate(ModelRequest("tiny", cache_dir))
        assert found is not None
        assert found.source == "converted"

    def test_a_cache_folder_on_a_read_only_disk_is_said(self, cache_dir: Path) -> None:
        with pytest.raises(FetchError, match="No permission to write"), writing_into(cache_dir):
            raise OSError(errno.EROFS, "Read-only file system", str(cache_dir))

    @pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
    def test_who_may_read_the_cache_folder_may_look_into_a_models_folders(
        self, cache_dir: Path
    ) -> None:
        cache_dir.mkdir(exist_ok=True)
        cache_dir.chmod(0o755)
        with new_folder(cache_dir / "model") as work:
            (work / "inner").mkdir(mode=0o755)
            (work / "file").touch(mode=0o600)
        modes = {path.name: path.stat().st_mode & 0o777 for path in cache_dir.rglob("*")}
        assert modes == {"model": 0o755, "inner": 0o755, "file": 0o644}

    def test_a_cache_folder_that_cannot_be_made_is_said(
        self, entry: ModelEntry, tmp_path: Path
    ) -> None:
        (tmp_path / "file").write_text("in the way")
        with pytest.raises(FetchError, match="is not a folder"):
            ensure_local(ModelRequest("tiny", tmp_path / "file"), Job())
