"""Digests that are kept: right after any change of the file, and a broken cache costs only time."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path

import pytest

from crackcore.domain.model_spec import ModelSpec
from crackcore.models import digest_cache
from crackcore.models.catalogue import create_network, installed_models
from crackcore.models.digest_cache import DigestCache
from crackcore.models.model_files import save_model


def aged(path: Path, data: bytes, seconds: float = 100.0) -> Path:
    """A file that was last written some time ago (its record's time is always now)."""
    path.write_bytes(data)
    os.utime(path, (time.time() - seconds,) * 2)
    return path


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were read whole; files count as settled at once."""
    monkeypatch.setattr(digest_cache, "SETTLED_S", -1.0)
    seen: list[str] = []
    really = hashlib.file_digest

    def counted(file, name):  # type: ignore[no-untyped-def]
        seen.append(os.path.basename(file.name))
        return really(file, name)

    monkeypatch.setattr(digest_cache.hashlib, "file_digest", counted)
    return seen


def test_a_file_is_read_once_and_again_after_each_change(tmp_path: Path, reads: list[str]) -> None:
    model, kept = aged(tmp_path / "a", b"first"), tmp_path / "cache" / "digests.json"
    for _ in range(2):
        cache = DigestCache(kept)
        assert cache.of(model) == hashlib.sha256(b"first").hexdigest()
        cache.keep()
    assert reads == ["a"]
    before = model.stat()
    model.write_bytes(b"other")  # the same size, and put back to the same time
    os.utime(model, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert DigestCache(kept).of(model) == hashlib.sha256(b"other").hexdigest()
    beside = aged(tmp_path / "b", b"third")
    os.utime(beside, ns=(before.st_atime_ns, before.st_mtime_ns))
    beside.replace(model)
    assert DigestCache(kept).of(model) == hashlib.sha256(b"third").hexdigest()


def test_a_file_written_just_now_is_not_kept(tmp_path: Path) -> None:
    cache = DigestCache(tmp_path / "digests.json")
    (tmp_path / "a").write_bytes(b"new")
    cache.of(tmp_path / "a")
    cache.keep()
    assert not (tmp_path / "digests.json").exists()


@pytest.mark.parametrize(
    "damage",
    ["", "[]", "{", '{"version": 1}', '{"version": 9, "files": {}}', '{"version": 1, "files": {"x": [1]}}'],
)
def test_a_damaged_cache_costs_only_time(tmp_path: Path, damage: str) -> None:
    (tmp_path / "digests.json").write_text(damage)
    model = aged(tmp_path / "a", b"bytes")
    assert DigestCache(tmp_path / "digests.json").of(model) == hashlib.sha256(b"bytes").hexdigest()


def test_a_cache_that_cannot_be_written_stops_nothing(tmp_path: Path, reads: list[str]) -> None:
    (tmp_path / "file").write_bytes(b"")
    cache = DigestCache(tmp_path / "file" / "digests.json")
    assert cache.of(aged(tmp_path / "a", b"bytes")) == hashlib.sha256(b"bytes").hexdigest()
    cache.keep()


def test_the_list_of_models_reads_each_file_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reads: list[str]
) -> None:
    monkeypatch.setenv("CRACKSCOPE_STATE", str(tmp_path / "state"))
    made = save_model(
        tmp_path / "m.safetensors", create_network("cgnet_m3n21"), ModelSpec("m", "cgnet_m3n21")
    )
    reads.clear()
    assert [m.sha256 for m in installed_models([tmp_path])] == [made.sha256]
    assert reads == ["m.safetensors"]
    assert [m.sha256 for m in installed_models([tmp_path])] == [made.sha256]
    assert reads == ["m.safetensors"]
    kept = json.loads((tmp_path / "state" / "cache" / "model-digests.json").read_text())
    assert list(kept["files"]) == [str(tmp_path / "m.safetensors")]
