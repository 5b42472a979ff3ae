"""What every test may rely on: an offscreen window system, a state folder of its own, nothing left behind.

A test fails when it leaves a thread running, a window open, or an error in the log that it did not
ask to see (by taking `caplog`).
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

# Before Qt, numpy and torch are imported anywhere: they read these once.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("OMP_NUM_THREADS", "2")
# Threads that spin while they wait take the core from those they wait for: on a busy machine of two
# cores a prediction of 512 x 512 took 8 s instead of 0.7 s.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from crackcore.arrays import RgbImage

if TYPE_CHECKING:
    from golden_networks import Golden

    from crackcore.models.catalogue import InstalledModel

NIGHTLY = os.environ.get("CRACKSCOPE_NIGHTLY") == "1"

# The same few examples at every run: a red run is then always about the change at hand. The nightly
# run draws new ones and is where rare cases are met.
settings.register_profile(
    "ci", max_examples=25, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "nightly",
    max_examples=1000,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("nightly" if NIGHTLY else "ci")

_state_numbers = count()


@pytest.fixture(scope="session")
def _state_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(autouse=True)
def own_state(_state_root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program's state folder of this test; not created, for a first start finds none either."""
    folder = _state_root / f"{next(_state_numbers):05d}"
    monkeypatch.setenv("CRACKSCOPE_STATE", str(folder))
    for variable in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(variable, str(folder / variable.lower()))
    return folder


class _ErrorRecords(logging.Handler):
    """Keeps what is logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


def _running_threads() -> set[threading.Thread]:
    # Dummies stand for threads that Qt or torch own: Python keeps them in its list after their end.
    return {
        thread
        for thread in threading.enumerate()
        if not isinstance(thread, threading._DummyThread) and type(thread).__name__ != "TMonitor"
    }


def _visible_windows() -> list[object]:
    widgets = sys.modules.get("PySide6.QtWidgets")  # only where a test has imported it
    if widgets is None or widgets.QApplication.instance() is None:
        return []
    return [window for window in widgets.QApplication.topLevelWidgets() if window.isVisible()]


@pytest.fixture(autouse=True)
def nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test that leaves a thread, a window or an unexpected error in the log."""
    threads_before = _running_threads()
    errors = _ErrorRecords()
    logging.getLogger().addHandler(errors)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(errors)

    deadline = time.monotonic() + 3.0  # a thread that was told to end may need a moment
    while (left := _running_threads() - threads_before) and time.monotonic() < deadline:
        time.sleep(0.01)
    windows = _visible_windows()
    faults = [f"thread still running: {thread.name}" for thread in left]
    faults += [f"window still open: {type(window).__name__}" for window in windows]
    for window in windows:
        window.hide()  # type: ignore[attr-defined]  # so that only the test at fault fails
    if "caplog" not in request.fixturenames:
        faults += [f"logged by {record.name}: {record.getMessage()}" for record in errors.records]
    if faults:
        pytest.fail("Left behind:\n  " + "\n  ".join(faults), pytrace=False)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the source tree."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared(repository: Path) -> Path:
    """The folder of reference pages and data beside the source tree; tests that need it skip without it."""
    override = os.environ.get("CRACKSCOPE_SHARED")
    folder = Path(override) if override else repository.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"no reference data at {folder}")
    return folder


@pytest.fixture(scope="session")
def golden(shared: Path) -> Golden:
    """The values of the published implementations."""
    from golden_networks import Golden

    return Golden(shared)


@pytest.fixture(scope="session")
def samples(repository: Path) -> Path:
    """The shipped sample pictures."""
    return repository / "resources" / "samples"


@pytest.fixture
def tiny_photo() -> RgbImage:
    """A grey, grainy wall of 96 x 128 px with one dark crack from the left to the right border."""
    rng = np.random.default_rng(7)
    pixels = 150.0 + 9.0 * rng.standard_normal((96, 128, 3))
    columns = np.arange(128)
    rows = np.rint(48 + 14 * np.sin(columns / 17.0) + 4 * np.sin(columns / 5.0)).astype(int)
    for offset in (-1, 0, 1):
        pixels[rows + offset, columns] = 45.0 + 12.0 * abs(offset)
    photo = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    photo.setflags(write=False)
    return photo


@pytest.fixture
def tiny_photo_file(tiny_photo: RgbImage, tmp_path: Path) -> Path:
    """`tiny_photo` as a PNG file in the test's own folder."""
    from PIL import Image

    path = tmp_path / "tiny.png"
    Image.fromarray(tiny_photo).save(path)
    return path


@pytest.fixture
def tiny_model(own_state: Path, monkeypatch: pytest.MonkeyPatch) -> InstalledModel:
    """A real model file of a few kB in the user's models folder; its network has three layers.

    It finds the crack of `tiny_photo` and nothing else there.
    """
    import tiny_network

    from crackcore.domain.model_spec import ModelSpec, Preprocessing
    from crackcore.models import catalogue
    from crackcore.models.model_files import save_model

    monkeypatch.setitem(catalogue.ARCHITECTURES, "tiny", "tiny_network:build")
    spec = ModelSpec(
        name="tiny",
        architecture="tiny",
        preprocessing=Preprocessing(scale=1 / 255),
        overlap_px=32,
        multiple_px=1,
        licence="Apache-2.0",
        source="tests/tiny_network.py",
        summary="Finds thin dark lines; for tests.",
    )
    folder = own_state / "models"
    folder.mkdir(parents=True)
    return save_model(folder / "tiny.safetensors", tiny_network.build(), spec)
