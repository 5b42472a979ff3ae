"""Ask for a file or a folder with the system's own dialogs. One place, so that tests can answer."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

from app.jobs.project import PROJECT_SUFFIX

PICTURES = (
    "Pictures (*.jpg *.jpeg *.jpe *.jfif *.mpo *.png *.tif *.tiff *.bmp *.gif *.webp *.jp2 *.j2k *.jpx)"
)
PROJECTS = f"Crackscope projects (*{PROJECT_SUFFIX})"
WEIGHTS = "Weights (*.pth *.pt *.ckpt *.safetensors)"
DATA_SETS = f"Lists of pairs and projects (*.txt *.lst *{PROJECT_SUFFIX} manifest.json)"
FIGURES = "Tables (*.csv);;Everything (*.json)"
ANY = "All files (*)"


class Ask:
    """Remembers the last folder of each kind while the program runs."""

    def __init__(self, parent: QWidget) -> None:
        self._parent = parent
        self._last = ""

    def folder(self, title: str) -> Path | None:
        return self._answer(QFileDialog.getExistingDirectory(self._parent, title, self._last))

    def pictures(self, title: str) -> list[Path]:
        names, _ = QFileDialog.getOpenFileNames(self._parent, title, self._last, f"{PICTURES};;{ANY}")
        if names:
            self._last = str(Path(names[0]).parent)
        return [Path(name) for name in names]

    def project(self, title: str) -> Path | None:
        name, _ = QFileDialog.getOpenFileName(self._parent, title, self._last, f"{PROJECTS};;{ANY}")
        return self._answer(name)

    def weights(self, title: str) -> Path | None:
        name, _ = QFileDialog.getOpenFileName(self._parent, title, self._last, f"{WEIGHTS};;{ANY}")
        return self._answer(name)

    def data_set(self, title: str) -> Path | None:
        name, _ = QFileDialog.getOpenFileName(self._parent, title, self._last, f"{DATA_SETS};;{ANY}")
        return self._answer(name)

    def new_project(self, title: str, suggestion: Path) -> Path | None:
        name, _ = QFileDialog.getSaveFileName(self._parent, title, str(suggestion), PROJECTS)
        place = self._answer(name)
        if place is not None and place.suffix.lower() != PROJECT_SUFFIX:
            place = place.with_name(place.name + PROJECT_SUFFIX)
        return place

    def figures(self, title: str, suggestion: Path) -> Path | None:
        name, _ = QFileDialog.getSaveFileName(self._parent, title, str(suggestion), FIGURES)
        place = self._answer(name)
        if place is not None and place.suffix.lower() not in (".csv", ".json"):
            place = place.with_name(place.name + ".csv")
        return place

    def _answer(self, name: str) -> Path | None:
        if not name:
            return None
        path = Path(name)
        self._last = str(path if path.is_dir() else path.parent)
        return path
