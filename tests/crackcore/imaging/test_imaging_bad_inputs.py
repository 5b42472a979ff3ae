"""Every picture and mask of the corpus of bad inputs, through the real reader."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crackcore.arrays import CRACK
from crackcore.errors import InputRefused
from crackcore.imaging.reading import PhotoFacts, photo_facts, read_mask, read_mask_picture, read_photo
from crackcore.imaging.thumbnails import make_thumbnail

_SHARED = Path(os.environ.get("CRACKSCOPE_SHARED") or Path(__file__).resolve().parents[4] / "shared")
_CORPUS = _SHARED / "data" / "bad-inputs"
SECONDS = 2.0


def _rows(folder: str) -> list[dict[str, Any]]:
    listed = _CORPUS / "expectations.json"
    if not listed.is_file():
        return []
    rows = json.loads(listed.read_text("utf-8"))
    return [row for row in rows if row["file"].startswith(folder + "/")]


def _files(folder: str, *expected: str) -> list[str]:
    return [row["file"] for row in _rows(folder) if not expected or row["expect"] in expected]


@pytest.fixture
def corpus(shared: Path) -> Path:
    return shared / "data" / "bad-inputs"


@pytest.fixture
def reference(corpus: Path) -> np.ndarray:
    return read_photo(corpus / "images" / "good.png").pixels


@pytest.mark.parametrize("file", _files("images"))
def test_a_picture_behaves_as_listed_quickly_and_stays_as_it_was(file: str, corpus: Path) -> None:
    row = next(row for row in _rows("images") if row["file"] == file)
    path = corpus / file
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    started = time.monotonic()
    try:
        photo = read_photo(path)
    except InputRefused as refused:
        photo, sentence = None, refused.sentence()
    assert time.monotonic() - started < SECONDS
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before

    expect = row["expect"]
    if photo is None:
        assert "refuse" in expect, sentence
        assert path.name in sentence
        assert sentence.endswith(".")
        assert "Error" not in sentence
        assert "\n" not in sentence
        return
    assert "open" in expect
    assert photo.facts.sha256 == before
    assert photo.facts.bytes == row["bytes"]
    assert photo.pixels.shape == (photo.facts.height_px, photo.facts.width_px, 3)
    assert photo.pixels.dtype == np.uint8
    assert photo.pixels.flags.c_contiguous
    assert not photo.pixels.flags.writeable
    if expect.startswith("open+note"):
        assert photo.facts.notes


@pytest.mark.parametrize("file", _files("images"))
def test_header_and_thumbnail_agree_with_the_picture(file: str, corpus: Path) -> None:
    path = corpus / file
    try:
        photo = read_photo(path)
    except InputRefused:
        with pytest.raises(InputRefused):
            make_thumbnail(path)
        return
    facts = photo_facts(path)
    assert _undecoded(facts) == _undecoded(photo.facts)
    thumbnail = make_thumbnail(path, 40)
    height, width = photo.pixels.shape[:2]
    assert max(thumbnail.shape[:2]) == min(40, max(height, width))
    assert min(thumbnail.shape[:2]) >= 1
    if min(height, width) >= 40:
        small = thumbnail.astype(float).mean(axis=(0, 1))
        assert np.abs(small - photo.pixels.mean(axis=(0, 1))).max() < 6


def _undecoded(facts: PhotoFacts) -> tuple[object, ...]:
    return tuple(v for k, v in vars(facts).items() if k not in ("mapping", "notes"))


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("truncated.jpg", "incomplete"),
        ("truncated-progressive.jpg", "incomplete"),
        ("truncated.png", "incomplete"),
        ("bad-checksum.png", "damaged"),
        ("zero.png", "empty"),
        ("not-an-image.png", "not a picture"),
        ("html-page.jpg", "web page"),
        ("bomb.png", "900 megapixels"),
        ("bomb-header.png", "3600 megapixels"),
        ("lying-size.jpg", "999 megapixels"),
        ("zero-height.jpg", "damaged"),
        ("postscript.jpg", "PostScript"),
        ("float32-nan.tif", "NaN"),
    ],
)
def test_the_refusal_says_what_is_wrong(file: str, words: str, corpus: Path) -> None:
    with pytest.raises(InputRefused, match=words):
        read_photo(corpus / "images" / file)


_SAME_PICTURE = {
    "good.jpg": 4.0,
    "wrong-extension.png": 4.0,
    "no-extension": 4.0,
    "text-chunk-bomb.png": 0.0,
    "cmyk.jpg": 12.0,
    **{f"exif-rotated-{n}.jpg": 4.0 for n in range(1, 9)},
    "exif-rotated-6.png": 0.0,
    "exif-rotated-6.tif": 0.0,
    "exif-rotated-6.webp": 4.0,
    "exif-orientation-9.jpg": 4.0,
    "exif-garbage.jpg": 4.0,
    "animated.gif": 0.0,
    "animated.png": 0.0,
    "transparent-half.png": 0.0,
    "photo.jp2": 0.0,
    "palette.png": 4.0,
    "grey-alpha.png": 4.0,
}


@pytest.mark.parametrize("file", _SAME_PICTURE)
def test_the_same_picture_comes_out_of_every_file(file: str, corpus: Path, reference: np.ndarray) -> None:
    pixels = read_photo(corpus / "images" / file).pixels
    assert pixels.shape == reference.shape
    assert np.abs(pixels.astype(int) - reference).mean() <= _SAME_PICTURE[file]
    if file not in ("grey-alpha.png", "palette.png"):  # no colours there, or only sixteen
        assert pixels[8, 8, 0] > 180 > 90 > pixels[8, 8, 2]  # the red block, top left
        assert pixels[115, 152, 2] > 180 > 90 > pixels[115, 152, 0]  # the blue one, bottom right


@pytest.mark.parametrize(
    ("file", "note"),
    [
        ("12bit-in-16.tif", "0 to 4095"),
        ("float32.tif", "multiplied by 255"),
        ("multipage.tif", "3 pictures"),
        ("animated.gif", "3 pictures"),
        ("animated.png", "3 pictures"),
        ("transparent-half.png", "transparent"),
    ],
)
def test_what_a_person_should_know_is_noted(file: str, note: str, corpus: Path) -> None:
    assert any(note in said for said in read_photo(corpus / "images" / file).facts.notes)


@pytest.mark.parametrize("file", ["16bit.tif", "12bit-in-16.tif", "float32.tif"])
def test_deep_ramps_stay_ramps_from_black_to_white(file: str, corpus: Path) -> None:
    grey = read_photo(corpus / "images" / file).pixels[..., 0]
    assert grey.min() == 0
    assert grey.max() == 255
    assert len(np.unique(grey)) > 200
    ramp = grey.mean(axis=0)
    assert (np.diff(ramp) >= 0).all()


def test_one_bit_is_black_and_white(corpus: Path) -> None:
    assert set(np.unique(read_photo(corpus / "images" / "1bit.png").pixels)) == {0, 255}


def test_an_opaque_alpha_is_nothing_to_talk_about(corpus: Path) -> None:
    assert read_photo(corpus / "images" / "grey-alpha.png").facts.notes == ()


# ---------------------------------------------------------------- masks


@pytest.mark.parametrize("file", _files("masks"))
def test_a_mask_behaves_as_listed(file: str, corpus: Path) -> None:
    row = next(row for row in _rows("masks") if row["file"] == file)
    good = read_mask(corpus / "masks" / "good-mask.png")
    picture = read_mask_picture(corpus / file)
    doubts = picture.doubts(height_px=120, width_px=160)
    assert picture.mask.dtype == np.uint8
    assert set(np.unique(picture.mask)) <= {0, 1}
    assert bool(doubts) == (row["expect"] == "ask")
    if row["expect"] == "open+note":
        assert picture.notes
    if row["expect"] == "open":
        assert picture.notes == ()
    if row["expect"] in ("open", "open+note"):
        assert np.array_equal(picture.mask, good)
    assert 0.02 < (good == CRACK).mean() < 0.05


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("mask-wrong-size.png", "100 x 80"),
        ("mask-rotated.png", "rotated"),
        ("mask-inverted.png", "inverted"),
    ],
)
def test_the_doubt_says_what_to_ask(file: str, words: str, corpus: Path) -> None:
    doubts = read_mask_picture(corpus / "masks" / file).doubts(height_px=120, width_px=160)
    assert any(words in doubt for doubt in doubts)


# ---------------------------------------------------------------- memory

_CHILD = """
import json, resource, sys, time
from pathlib import Path
from crackcore.errors import InputRefused
from crackcore.imaging.reading import read_photo
from crackcore.imaging.thumbnails import make_thumbnail

def peak_mib():
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20

folder, files = Path(sys.argv[1]), sys.argv[2:]
for warm in ("good.png", "16bit-rgb.tif"):
    read_photo(folder / warm)
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 30), used + (1 << 30)))
report = {}
for name in files:
    for function in (read_photo, make_thumbnail):
        before, started = peak_mib(), time.monotonic()
        try:
            function(folder / name)
            said = "opened"
        except InputRefused as refused:
            said = refused.sentence()
        report[f"{name} {function.__name__}"] = (peak_mib() - before, time.monotonic() - started, said)
json.dump(report, sys.stdout)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs the address-space limit and /proc of Linux")
def test_bombs_cost_little_memory_and_time(corpus: Path, repository: Path) -> None:
    names = ["text-chunk-bomb.png", "bomb.png", "bomb-header.png", "lying-size.jpg", "zero-height.jpg"]
    done = _run_child(_CHILD, repository, [str(corpus / "images"), *names])
    report = json.loads(done)
    assert len(report) == 2 * len(names)
    for name, (grown_mib, seconds, said) in report.items():
        assert grown_mib < (200 if name.startswith("text") else 300), (name, said)
        assert seconds < 1.0, (name, said)
        assert "opened" in said or "megapixels" in said or "damaged" in said


def _run_child(code: str, repository: Path, arguments: list[str]) -> str:
    environment = {**os.environ, "PYTHONPATH": str(repository), "PYTHONWARNINGS": "default"}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("read", [read_photo, make_thumbnail, photo_facts, read_mask])
def test_a_bomb_is_refused_by_every_door(read: Callable[[Path], object], corpus: Path) -> None:
    with pytest.raises(InputRefused, match="900 megapixels"):
        read(corpus / "images" / "bomb.png")
