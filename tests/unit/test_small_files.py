"""Small files, written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from codeface_jupyter.small_files import write_whole


def refuse(*_: object) -> None:
    raise PermissionError(1, "Operation not permitted")


def test_who_may_read_a_file_is_as_given_and_only_its_owner_otherwise(tmp_path: Path) -> None:
    write_whole(tmp_path / "own", b"1")
    write_whole(tmp_path / "shared", b"2", mode=0o644)
    assert (tmp_path / "own").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "shared").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_file_system_that_refuses_permissions_gets_the_file_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    monkeypatch.setattr(Path, "chmod", refuse)
    write_whole(tmp_path / "file", b"1", mode=mode)
    assert (tmp_path / "file").read_bytes() == b"1"


def test_a_write_that_breaks_off_leaves_what_was_there_and_no_other_file(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="Windows sets no limit to a file's size")
    write_whole(tmp_path / "file", b"1")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            write_whole(tmp_path / "file", b"2" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [(f.name, f.read_bytes()) for f in tmp_path.iterdir()] == [("file", b"1")]


def test_a_link_is_replaced_and_what_it_points_to_is_left_alone(tmp_path: Path) -> None:
    # Whoever shares the folder may have put it there.
    others = tmp_path / "others"
    others.write_bytes(b"kept")
    others.chmod(0o600)
    link = tmp_path / "rates.json"
    link.symlink_to(others)
    write_whole(link, b"1", mode=0o644)
    assert not link.is_symlink()
    assert link.read_bytes() == b"1"
    assert others.read_bytes() == b"kept"
    assert others.stat().st_mode & 0o777 == 0o600


def test_a_link_that_is_followed_stays_one_and_what_it_points_to_is_written(tmp_path: Path) -> None:
    kept = tmp_path / "dotfiles" / "aliases"
    kept.parent.mkdir()
    link = tmp_path / "aliases.json"
    link.symlink_to(Path("dotfiles", "aliases"))
    for content in (b"1", b"2"):
        write_whole(link, content, through_links=True)
        assert link.is_symlink()
        assert kept.read_bytes() == link.read_bytes() == content
    assert [file.name for file in kept.parent.iterdir()] == ["aliases"]


def test_a_followed_link_into_nowhere_or_to_itself_is_an_error_or_replaced(tmp_path: Path) -> None:
    (tmp_path / "nowhere").symlink_to(tmp_path / "none" / "file")
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "nowhere", b"1", through_links=True)
    (tmp_path / "loop").symlink_to("loop")
    write_whole(tmp_path / "loop", b"1", through_links=True)
    assert (tmp_path / "loop").read_bytes() == b"1"
