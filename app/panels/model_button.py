"""The model in use as one wide button: its name, what kind it is, and the way to the chooser."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QGridLayout, QLabel, QPushButton, QSizePolicy, QWidget

from app.session import Session
from app.theme.icons import pixmap
from app.theme.scheme import SPACE, Theme
from crackcore.domain.model_families import RESEARCH, RESEARCH_TAG, research_note
from crackcore.models.catalogue import InstalledModel


class ModelButton(QPushButton):
    """Press it, or Down on it, to choose another model."""

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._theme = theme
        self._names = ("", "")
        self.name = QLabel()
        self.name.setProperty("heading", True)
        self.about = QLabel()
        self.about.setProperty("soft", True)
        self.tag = QLabel(RESEARCH_TAG)
        self.tag.setVisible(False)
        self._arrow = QLabel()
        self._arrow.setFixedSize(16, 16)
        grid = QGridLayout(self)
        grid.setContentsMargins(SPACE + 2, SPACE - 2, SPACE, SPACE - 2)
        grid.setHorizontalSpacing(SPACE)
        grid.setVerticalSpacing(0)
        grid.setColumnStretch(0, 1)
        grid.addWidget(self.name, 0, 0)
        grid.addWidget(self.about, 1, 0, 1, 2)
        grid.addWidget(self.tag, 0, 1)
        grid.addWidget(self._arrow, 0, 2, 2, 1)
        for label in (self.name, self.about, self.tag, self._arrow):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        for label in (self.name, self.about):
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        session.models.changed.connect(self._refresh)
        theme.changed.connect(self._dress)
        self._dress()
        self._refresh()

    def sizeHint(self) -> QSize:
        layout = self.layout()
        assert layout is not None
        return layout.sizeHint()

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Down:
            self.click()
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _refresh(self) -> None:
        models = self._session.models
        chosen = models.chosen
        if chosen is None:
            self._names = (
                "No model" if models.known else "Looking for models…",
                "Import one…" if models.known else "",
            )
        else:
            self._names = (chosen.name, self._facts(chosen))
        self.setEnabled(models.known)
        research = chosen is not None and chosen.spec.family == RESEARCH
        self.tag.setVisible(research)
        summary = "" if chosen is None else chosen.spec.summary
        if chosen is not None and research:
            summary = f"{summary} {research_note(chosen.spec.family)}".strip()
        # As escaped rich text, which wraps; a tool tip guesses what a name with markup would be.
        self.setToolTip(f"<p>{escape(summary)}</p>" if summary else "Choose a model (Ctrl+M)")
        self.setAccessibleName(f"Model: {self._names[0]}")
        self.setAccessibleDescription(summary)
        self._fit()

    def _facts(self, model: InstalledModel) -> str:
        architecture = self._session.models.architecture_of(model)
        speed = "" if architecture is None else architecture.speed_with(model.spec)
        licence = model.spec.licence
        if model.spec.family == RESEARCH:
            licence = ""  # the tag says it
        elif not licence or licence.startswith("unknown"):
            licence = "licence not known"
        parts = [speed[:1].upper() + speed[1:], licence]
        if architecture is not None:
            parts.insert(0, architecture.title)
        return " · ".join(part for part in parts if part)

    def _fit(self) -> None:
        """What is too long is cut where it is least missed."""
        for label, text, where in (
            (self.name, self._names[0], Qt.TextElideMode.ElideMiddle),
            (self.about, self._names[1], Qt.TextElideMode.ElideRight),
        ):
            label.ensurePolished()
            beside = (
                self.tag.sizeHint().width() + SPACE
                if label is self.name and self.tag.isVisibleTo(self)
                else 0
            )
            room = max(40, self.width() - 52 - beside)
            label.setText(label.fontMetrics().elidedText(text, where, room))
            label.setVisible(bool(text))

    def _dress(self) -> None:
        warning = self._theme.scheme.warning
        self.tag.setStyleSheet(
            f"color: {warning}; border: 1px solid {warning}; border-radius: 8px; padding: 0 6px;"
        )
        self._arrow.setPixmap(
            pixmap("chevron-down", self._theme.scheme.text_soft, 16, self.devicePixelRatioF())
        )
