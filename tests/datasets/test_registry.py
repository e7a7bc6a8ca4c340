"""Where files come from: the user's folder, the cache, an address; never a file that is not the one recorded."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pooch
import pytest
import requests

from graphseq.datasets import book, find, registry
from graphseq.datasets.registry import SOURCES, Source

CONTENT = b"what was recorded"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
URL = "https://example.org/at/a1b2c3/mine.txt"
MINE = Source("mine", "texts/mine.txt", SHA256, "MIT", "example.org", URL)


class Downloads:
    """Stands in for pooch's downloader: gives ``content``, or ``error`` halfway, and counts."""

    def __init__(self, content: bytes, error: Exception | None = None) -> None:
        self.content, self.error, self.count = content, error, 0

    def __call__(self, url: str, out: str, *_: object) -> None:
        self.count += 1
        if self.error is None:
            Path(out).write_bytes(self.content)
            return
        Path(out).write_bytes(self.content[:5])
        raise self.error


Serve = Callable[..., Downloads]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, and no folder of the user's."""
    monkeypatch.delenv(registry.VARIABLE, raising=False)
    monkeypatch.setattr(pooch, "os_cache", lambda _: tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def serve(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Has pooch download from a ``Downloads``."""

    def serving(content: bytes, error: Exception | None = None) -> Downloads:
        downloads = Downloads(content, error)
        monkeypatch.setattr("pooch.core.choose_downloader", lambda *_, **__: downloads)
        return downloads

    return serving


def everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_file_is_downloaded_once(cache: Path, serve: Serve) -> None:
    downloads = serve(CONTENT)
    for _ in range(2):
        path = registry.fetch(MINE)
        assert path == cache / "texts" / "mine.txt"
        assert path.read_bytes() == CONTENT
    assert downloads.count == 1


def test_the_users_own_folder_comes_first(
    tmp_path: Path, cache: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    downloads = serve(CONTENT)
    monkeypatch.setenv(registry.VARIABLE, str(tmp_path / "own"))
    assert registry.fetch(MINE) == cache / "texts" / "mine.txt"
    own = tmp_path / "own" / "texts" / "mine.txt"
    own.parent.mkdir(parents=True)
    own.write_bytes(CONTENT)
    assert registry.fetch(MINE) == own
    assert downloads.count == 1


def test_another_file_in_the_users_folder_is_refused_and_left_as_it_is(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(registry.VARIABLE, str(tmp_path))
    own = tmp_path / "texts" / "mine.txt"
    own.parent.mkdir()
    own.write_bytes(b"another")
    found = hashlib.sha256(b"another").hexdigest()
    with pytest.raises(
        ValueError, match=rf"mine.txt is not the mine expected here: sha256 {found}, not {SHA256}; .*path="
    ):
        registry.fetch(MINE)
    assert own.read_bytes() == b"another"


def test_a_cached_file_that_was_changed_is_refused(cache: Path, serve: Serve) -> None:
    serve(CONTENT)
    registry.fetch(MINE).write_bytes(b"changed")
    with pytest.raises(
        ValueError, match=r"mine.txt is not the mine expected here: .* delete it, and it is downloaded again"
    ):
        registry.fetch(MINE)
    (cache / "texts" / "mine.txt").unlink()
    assert registry.fetch(MINE).read_bytes() == CONTENT


@pytest.mark.parametrize(
    "error", [requests.exceptions.ConnectionError("no route"), requests.exceptions.HTTPError("404")]
)
def test_half_a_download_leaves_nothing_and_both_ways_are_named(cache: Path, serve: Serve, error: Exception) -> None:
    serve(CONTENT, error)
    with pytest.raises(FileNotFoundError) as caught:
        registry.fetch(MINE)
    told = str(caught.value)
    for part in (
        "mine",
        URL,
        str(error),
        "GRAPHSEQ_DATA",
        "texts/mine.txt",
        str(cache / "texts" / "mine.txt"),
        "path=",
    ):
        assert part in told
    assert everything(cache) == []
    serve(CONTENT)
    assert registry.fetch(MINE).read_bytes() == CONTENT


def test_another_file_at_the_address_is_refused_and_not_kept(cache: Path, serve: Serve) -> None:
    serve(b"another")
    with pytest.raises(ValueError, match=rf"{URL} is not the recorded file: (.|\n)*Get mine elsewhere"):
        registry.fetch(MINE)
    assert everything(cache) == []


def test_a_file_without_an_address_can_be_put_into_the_cache(cache: Path) -> None:
    without = Source("mine", "texts/mine.txt", SHA256, "MIT", "example.org, page 3")
    with pytest.raises(FileNotFoundError, match=r"no address to download it from. Get it from example.org, page 3"):
        registry.fetch(without)
    (cache / "texts").mkdir(parents=True)
    (cache / "texts" / "mine.txt").write_bytes(CONTENT)
    assert registry.fetch(without).read_bytes() == CONTENT


def test_a_file_that_an_installed_package_carries_is_found_there(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info, inside = tmp_path / "site" / "mine_all-1.0.dist-info", tmp_path / "site" / "mine_all" / "inside.txt"
    for folder in (info, inside.parent):
        folder.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine-all\nVersion: 1.0\n")
    inside.write_bytes(CONTENT)
    carried = Source(
        "mine", "texts/mine.txt", SHA256, "MIT", "a package", package="mine-all==1.0", member="mine_all/inside.txt"
    )
    with pytest.raises(FileNotFoundError, match="no address to download it from"):
        registry.fetch(carried)
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert registry.fetch(carried) == inside
    inside.write_bytes(b"another")
    with pytest.raises(ValueError, match=r"inside.txt is not the mine expected here: .*; install mine-all==1.0"):
        registry.fetch(carried)


def test_every_source_says_enough_to_be_found_and_checked() -> None:
    assert len({source.name for source in SOURCES}) == len({source.path for source in SOURCES}) == len(SOURCES)
    for source in SOURCES:
        assert len(source.sha256) == 64
        assert source.licence
        assert source.origin
        assert source.url is None or source.url.startswith("https://")
        assert (source.member is None) == (source.package is None)


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"name must be one of EN_PUD, .*ESOL, .*, chickenpox, .*; got 'measles'"):
        find("measles")
    with pytest.raises(
        ValueError, match=r"name must be one of EN_democracy, NL_darwin, grimms_fairy_tails; got 'chick"
    ):
        book("chickenpox")
