"""From folders to pictures, from pictures to records, and finding what was moved."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crackcore.domain.image_record import Review
from crackcore.errors import Cancelled, InputRefused, PhotoMissing
from crackcore.imaging.fingerprint import file_sha256, find_moved
from crackcore.imaging.scanning import natural_key, record_for, scan, stored_path
from crackcore.names import unescaped
from crackcore.progress import unheard


def _touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode("utf-8", "surrogateescape"))


def _names(folder: Path, paths: tuple[Path, ...]) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in paths]


def test_folders_are_walked_in_the_order_of_people(tmp_path: Path) -> None:
    _touch(
        tmp_path, "IMG_10.jpg", "img_9.JPG", "b/2.png", "b/10.png", "a/1.tif", "notes.txt", "none", "a.webp"
    )
    _touch(tmp_path, ".hidden.jpg", ".cache/1.jpg", "odd.jpg.", "trailing.jp2 ")
    result = scan([tmp_path])
    expected = ["a/1.tif", "a.webp", "b/2.png", "b/10.png", "img_9.JPG", "IMG_10.jpg", "odd.jpg."]
    assert _names(tmp_path, result.pictures) == [*expected, "trailing.jp2 "]
    assert result.skipped == ()


@pytest.mark.parametrize(
    "names",
    [
        ["1", "2", "10", "a1b2", "a1b10", "a10b1"],
        ["a/1", "a/2/x", "a 1", "B/1"],
        ["IMG_0009", "IMG_10", "IMG_0011"],
        ["x²", "x³", "x\udce9"],
        ["7" * 500, "8" * 3000],
    ],
)
def test_natural_order(names: list[str]) -> None:
    shuffled = names[::-1]
    assert sorted(shuffled, key=natural_key) == names


def test_files_that_are_named_are_taken_whatever_their_name(tmp_path: Path) -> None:
    _touch(tmp_path, "no-extension", ".hidden", "b.jpg", "a.jpg")
    given = [tmp_path / "no-extension", tmp_path / ".hidden", str(tmp_path / "b.jpg")]
    assert _names(tmp_path, scan(given).pictures) == ["no-extension", ".hidden", "b.jpg"]


def test_what_is_not_there_is_listed_and_the_rest_goes_on(tmp_path: Path) -> None:
    _touch(tmp_path, "a.jpg")
    result = scan([tmp_path / "gone.jpg", "null\0byte.jpg", tmp_path / "a.jpg", tmp_path / "a.jpg"])
    assert _names(tmp_path, result.pictures) == ["a.jpg"]
    assert [reason for _, reason in result.skipped] == [
        "it is not there",
        "no file can have this name",
        "the same as a.jpg",
    ]


def test_a_file_reached_twice_counts_once(tmp_path: Path) -> None:
    _touch(tmp_path, "f/a.jpg", "f/b.jpg")
    result = scan([tmp_path / "f" / "b.jpg", tmp_path / "f", tmp_path])
    assert _names(tmp_path, result.pictures) == ["f/b.jpg", "f/a.jpg"]


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_links_to_folders_are_not_followed_links_to_files_are(tmp_path: Path) -> None:
    _touch(tmp_path, "real/a.jpg", "elsewhere/b.jpg")
    (tmp_path / "real" / "loop").symlink_to(tmp_path / "real", target_is_directory=True)
    (tmp_path / "real" / "other").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (tmp_path / "real" / "linked.jpg").symlink_to(tmp_path / "elsewhere" / "b.jpg")
    (tmp_path / "real" / "broken.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (tmp_path / "real" / "circle.jpg").symlink_to(tmp_path / "real" / "circle.jpg")
    result = scan([tmp_path / "real"])
    assert _names(tmp_path, result.pictures) == ["real/a.jpg", "real/linked.jpg"]
    reasons = {path.name: reason for path, reason in result.skipped}
    assert reasons.keys() == {"loop", "other", "broken.jpg", "circle.jpg"}
    assert "link" in reasons["loop"]
    assert "link" in reasons["other"]
    assert reasons["broken.jpg"] == "it is not there"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_with_a_pictures_name_is_skipped_with_a_reason(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    os.mkfifo(tmp_path / "pipe")
    for given in (tmp_path, tmp_path / "pipe.jpg"):
        result = scan([given])
        assert result.pictures == ()
        assert [(path.name, reason[:16]) for path, reason in result.skipped] == [
            ("pipe.jpg", "not a regular fi")
        ]


@pytest.mark.skipif(sys.platform != "linux", reason="file names are text on other systems")
def test_names_that_are_no_text_are_kept(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.jpg")
    _touch(tmp_path, name, "a\nb.jpg", "\u202egpj.exe.jpg")
    assert {p.name for p in scan([tmp_path]).pictures} == {name, "a\nb.jpg", "\u202egpj.exe.jpg"}


def test_a_folder_that_may_not_be_read_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _touch(tmp_path, "a.jpg", "closed/b.jpg")
    scandir = os.scandir

    def guarded(folder: Path) -> object:
        if Path(folder).name == "closed":
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", guarded)
    result = scan([tmp_path])
    assert _names(tmp_path, result.pictures) == ["a.jpg"]
    assert [(path.name, reason) for path, reason in result.skipped] == [
        ("closed", "you have no permission to read it")
    ]


def test_a_scan_reports_and_can_be_cancelled(tmp_path: Path) -> None:
    for i in range(600):
        (tmp_path / f"{i}.jpg").touch()
    heard: list[int] = []

    def listen(done: int, total: int, note: str = "") -> None:
        heard.append(done)

    assert len(scan([tmp_path], listen).pictures) == 600
    assert heard == sorted(heard)
    assert heard[-1] == 600
    assert len(heard) >= 3

    def stop(done: int, total: int, note: str = "") -> None:
        if done > 100:
            raise Cancelled

    with pytest.raises(Cancelled):
        scan([tmp_path], stop)


# ---------------------------------------------------------------- records


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x0132] = "2024:05:31 12:34:56"
    path = tmp_path / "site" / "Brücke 1.jpg"
    path.parent.mkdir()
    Image.fromarray(np.zeros((30, 50, 3), np.uint8)).save(path, exif=exif)
    return path


def test_a_record_says_what_the_header_says(photo: Path, tmp_path: Path) -> None:
    record = record_for(photo, tmp_path / "projects")
    assert len(record.id) == 32
    assert int(record.id, 16) >= 0
    assert record.id != record_for(photo, tmp_path).id
    assert unescaped(record.file) == "../site/Brücke 1.jpg"
    assert record.file.isascii()
    assert (record.height_px, record.width_px) == (50, 30)  # upright
    assert record.sha256 == hashlib.sha256(photo.read_bytes()).hexdigest()
    assert record.bytes == photo.stat().st_size
    assert record.taken_at == "2024-05-31T12:34:56"
    assert record.review == Review.NEW


def test_a_record_needs_a_picture(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(InputRefused):
        record_for(tmp_path / "a.jpg", tmp_path)
    with pytest.raises(PhotoMissing):
        record_for(tmp_path / "b.jpg", tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX paths")
@pytest.mark.parametrize(
    ("file", "folder", "stored"),
    [
        ("/srv/a/p/photos/1.jpg", "/srv/a/p", "photos/1.jpg"),
        ("/srv/a/photos/1.jpg", "/srv/a/p", "../photos/1.jpg"),
        ("/data/1.jpg", "/srv/a/p", "/data/1.jpg"),
        ("/srv/a/p/x\udce9\\1.jpg", "/srv/a/p", "x\udce9\\1.jpg"),
    ],
)
def test_places_are_relative_when_near(file: str, folder: str, stored: str) -> None:
    text = stored_path(file, folder)
    assert text.isascii()
    assert unescaped(text) == stored
    assert Path(os.path.normpath(Path(folder) / unescaped(text))) == Path(file)


def test_a_relative_path_is_understood_from_where_one_is(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photo.parent)
    assert unescaped(stored_path(photo.name, tmp_path)) == "site/Brücke 1.jpg"


# ---------------------------------------------------------------- moved files


def test_moved_and_renamed_photographs_are_found(tmp_path: Path) -> None:
    _touch(tmp_path, "old/1.jpg", "old/2.jpg", "old/3.jpg", "new/decoy.jpg")
    wanted = {file_sha256(p): p.stat().st_size for p in sorted((tmp_path / "old").iterdir())}
    first, second, third = wanted
    (tmp_path / "new" / "deep").mkdir()
    shutil.move(tmp_path / "old" / "1.jpg", tmp_path / "new" / "deep" / "renamed")
    shutil.move(tmp_path / "old" / "2.jpg", tmp_path / "new" / "2.jpg")
    shutil.move(tmp_path / "old" / "3.jpg", tmp_path / "gone.jpg")
    found = find_moved(wanted, tmp_path / "new")
    assert found == {first: tmp_path / "new" / "deep" / "renamed", second: tmp_path / "new" / "2.jpg"}
    assert find_moved({third: 0}, tmp_path)[third] == tmp_path / "gone.jpg"
    assert find_moved({}, tmp_path) == {}
    assert find_moved({"0" * 64: 0}, tmp_path) == {}


def test_only_files_of_the_right_size_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "right").write_bytes(b"abc")
    (tmp_path / "other").write_bytes(b"abcd")
    read: list[str] = []

    def digest(path: Path) -> str:
        read.append(path.name)
        return hashlib.sha256(path.read_bytes()).hexdigest()

    monkeypatch.setattr("crackcore.imaging.fingerprint.digest_file", digest)
    assert find_moved({hashlib.sha256(b"xyz").hexdigest(): 3}, tmp_path) == {}
    assert read == ["right"]


def test_a_search_can_be_cancelled_and_says_how_far_it_is(tmp_path: Path) -> None:
    _touch(tmp_path, "a", "b")
    wanted = {file_sha256(tmp_path / name): 1 for name in ("a", "b")}
    heard: list[tuple[int, int]] = []
    find_moved(wanted, tmp_path, lambda done, total, note="": heard.append((done, total)))
    assert heard[-1] == (2, 2)

    def stop(done: int, total: int, note: str = "") -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        find_moved(wanted, tmp_path, stop)
    assert find_moved(wanted, tmp_path / "nowhere", unheard) == {}


def test_a_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    data = np.random.default_rng(0).bytes(3_000_000)
    (tmp_path / "a").write_bytes(data)
    (tmp_path / "empty").touch()
    assert file_sha256(tmp_path / "a") == hashlib.sha256(data).hexdigest()
    assert file_sha256(tmp_path / "empty") == hashlib.sha256(b"").hexdigest()
