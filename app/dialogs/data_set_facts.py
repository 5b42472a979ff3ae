"""What a data set is, in two columns: first what a quick look told, then the figures of all pictures."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFormLayout, QLabel, QVBoxLayout, QWidget

from app.jobs.data_set import DataSetFigures, DataSetLook
from app.theme.scheme import SPACE

_SHOWN = 8  # of problems and doubles


class FactsPanel(QWidget):
    """Captions and texts; filled anew by each answer."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = QLabel()
        self.title.setProperty("heading", True)
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        self.title.setWordWrap(True)
        self._rows = QWidget()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, SPACE, 0)
        self._layout.setSpacing(SPACE)
        self._layout.addWidget(self.title)
        self._layout.addWidget(self._rows)
        self._layout.addStretch(1)
        self._about: list[tuple[str, str]] = []

    @property
    def texts(self) -> list[tuple[str, str]]:
        """What is shown: caption and text of each row."""
        return list(self._shown)

    def show_look(self, look: DataSetLook) -> None:
        self.title.setText(look.name)
        rows = [("Layout", look.title), ("Listed", _pictures(look))]
        if look.sides:
            rows.append(("Split", ", ".join(f"{n} {side or 'of no side'}" for side, n in look.sides.items())))
        if look.kind != "crack-free":
            words = "not clear; please say it above" if look.question else crack_words(look.rule.words)
            rows.append(("Crack is", f"{words}, as you said" if look.request.crack else words))
        self._about = rows
        self._fill(rows, look.notes, look.problems, look.problem_count, (), 0)

    def show_figures(self, figures: DataSetFigures) -> None:
        self._fill(
            [*self._about, *figures.rows],
            figures.notes,
            figures.problems,
            figures.problem_count,
            figures.doubles,
            figures.double_count,
        )

    def _fill(
        self,
        rows: Sequence[tuple[str, str]],
        notes: Sequence[str],
        problems: Sequence[str],
        problem_count: int,
        doubles: Sequence[str],
        double_count: int,
    ) -> None:
        shown = [*rows, *(("Note", note) for note in notes)]
        if problem_count:
            shown.append((f"Left out ({problem_count})", _listed(problems, problem_count)))
        if double_count:
            shown.append((f"Doubles ({double_count})", _listed(doubles, double_count)))
        self._shown = shown
        page = QWidget()
        form = QFormLayout(page)
        form.setContentsMargins(0, 0, 0, 0)
        form.setHorizontalSpacing(SPACE * 2)
        form.setVerticalSpacing(SPACE - 2)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.DontWrapRows)
        for caption, said in shown:
            name, text = QLabel(caption), QLabel()
            name.setProperty("soft", True)
            name.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
            text.setTextFormat(Qt.TextFormat.PlainText)
            text.setWordWrap(True)
            text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            text.setText(said)
            text.setAccessibleName(f"{caption}: {said}")
            form.addRow(name, text)
        self._layout.replaceWidget(self._rows, page)
        self._rows.hide()
        self._rows.deleteLater()
        self._rows = page


def crack_words(words: str) -> str:
    """Which mask values are crack; `words` are those of a rule."""
    if not words:
        return "nothing is marked"
    return f"mask value {words}" if words[0].isdigit() or words[0] == "#" else words


def _pictures(look: DataSetLook) -> str:
    number = "1 picture" if look.pictures == 1 else f"{look.pictures} pictures"
    if 0 < look.source_photos < look.pictures:
        return f"{number}, cut from {look.source_photos} photos as their names tell"
    return number


def _listed(lines: Sequence[str], count: int) -> str:
    shown = list(lines[:_SHOWN])
    return "\n".join([*shown, f"and {count - len(shown)} more"] if count > len(shown) else shown)
