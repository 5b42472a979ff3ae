"""A bar over the lower edge of the picture while a model is adapted, and until that is kept or discarded."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.jobs.adapt import AdaptedFacts
from app.session import Session
from app.session.adapting import Offer
from app.session.corrected_pictures import Round
from app.theme.icons import pixmap
from app.theme.scheme import RADIUS, SPACE, Theme

WIDTH_PX = 470  # always the same, so that it does not jump; fits beside the panels of a small window
ICON_PX = 20


class AdaptedNotice(QWidget):
    """What the numbers say of the adapted model, Before and After, Keep and Discard."""

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._adapting = session.adapting
        self._theme = theme
        self._build()
        self._adapting.changed.connect(self._refresh)
        session.loading_changed.connect(self._refresh)
        theme.changed.connect(self._dress)
        self._dress()

    def _build(self) -> None:
        self._frame = QFrame()
        self._frame.setObjectName("adapted")
        self._picture = QLabel()
        self.headline = QLabel()
        self.headline.setProperty("heading", True)
        self.basis = QLabel()
        self.basis.setProperty("soft", True)
        for label in (self.headline, self.basis):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 1000)
        self.before = QPushButton("Before")
        self.after = QPushButton("After")
        self._sides = QButtonGroup(self)
        for button, tip in (
            (self.before, "The picture as it is (Y)"),
            (self.after, "The picture as the adapted model sees it (Y). Nothing is changed yet"),
        ):
            button.setCheckable(True)
            button.setProperty("chip", True)
            button.setToolTip(tip)
            self._sides.addButton(button)
        self.keep = QPushButton("Keep")
        self.keep.setToolTip(
            "Save it as a model of its own, choose it, and predict this picture with it. "
            "The old model stays, and there is a way back"
        )
        self.discard = QPushButton("Discard")
        self.discard.setToolTip("The old model stays, and nothing else has changed")
        self.stop = QPushButton("Stop")
        self.stop.setToolTip("Stop adapting. Nothing has changed")
        buttons = QHBoxLayout()
        buttons.setSpacing(SPACE)
        for widget in (self.before, self.after):
            buttons.addWidget(widget)
        buttons.addWidget(self.bar, 100)
        buttons.addStretch(1)
        for widget in (self.stop, self.discard, self.keep):
            buttons.addWidget(widget)
        for widget in (self.before, self.after, self.stop, self.discard, self.keep):
            widget.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        grid = QGridLayout(self._frame)
        grid.setContentsMargins(SPACE + 4, SPACE, SPACE + 4, SPACE)
        grid.setHorizontalSpacing(SPACE)
        grid.setVerticalSpacing(SPACE // 2)
        grid.addWidget(self._picture, 0, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(self.headline, 0, 1)
        grid.addWidget(self.basis, 1, 1)
        grid.addLayout(buttons, 2, 1)
        grid.setColumnStretch(1, 1)
        self._frame.setFixedWidth(WIDTH_PX)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE, 0, SPACE, SPACE)
        layout.addWidget(self._frame)
        self.before.clicked.connect(lambda: self._adapting.preview.show_before())
        self.after.clicked.connect(lambda: self._adapting.preview.show_after())
        self.keep.clicked.connect(lambda: self._adapting.keep())
        self.discard.clicked.connect(lambda: self._adapting.discard())
        self.stop.clicked.connect(self._stop)

    def _stop(self) -> None:
        if self._adapting.run is not None:
            self._adapting.stop()
        else:
            self._adapting.preview.stop()
            self._refresh()

    # -------------------------------------------------------------- following

    def _refresh(self) -> None:
        run, offer = self._adapting.run, self._adapting.offer
        if run is not None:
            self._show_run(run)
        elif offer is not None:
            self._show_offer(offer)
        self.setVisible(run is not None or offer is not None)

    def _show_run(self, run: Round) -> None:
        self._say(run_text(run), "The picture and the model stay as they are until you keep the result.")
        self._show_part(run_part(run))
        self._show_buttons(stop=True)
        self.stop.setToolTip("Stop adapting. Nothing has changed")

    def _show_offer(self, offer: Offer) -> None:
        preview = self._adapting.preview
        headline, basis = offer_texts(offer)
        busy = preview.job is not None
        if offer.is_being_kept:
            headline = "Saving the adapted model…"
        elif busy:
            basis = "Asking the adapted model about this picture…"
        self._say(headline, basis, offer_details(offer))
        job = preview.job
        self._show_part(min(1.0, job.done / job.total) if job is not None and job.total else 0.0)
        self._show_buttons(sides=not busy, stop=busy, decide=not offer.is_being_kept)
        self.stop.setToolTip("Do not show this picture after adapting")
        self.bar.setVisible(busy)
        can_show = preview.can_show and not self._session.is_loading
        self.before.setEnabled(can_show)
        self.after.setEnabled(can_show)
        (self.after if preview.shows_after else self.before).setChecked(True)
        self.keep.setText("Keep" if offer.facts.better else "Keep all the same")
        self.keep.setEnabled(not self._session.read_only)
        if self.keep.property("primary") != bool(offer.facts.better):
            self.keep.setProperty("primary", bool(offer.facts.better))
            self.keep.style().unpolish(self.keep)
            self.keep.style().polish(self.keep)

    def _show_buttons(self, *, sides: bool = False, stop: bool = False, decide: bool = False) -> None:
        for widget, is_there in (
            (self.before, sides),
            (self.after, sides),
            (self.bar, stop),
            (self.stop, stop),
            (self.discard, decide),
            (self.keep, decide),
        ):
            widget.setVisible(is_there)

    def _show_part(self, part: float) -> None:
        self.bar.setValue(round(1000 * part))

    def _say(self, headline: str, basis: str, details: str = "") -> None:
        self.headline.setText(headline)
        self.basis.setText(basis)
        self.headline.setToolTip(details)
        self.basis.setToolTip(details)
        self.setAccessibleName(headline)
        self.setAccessibleDescription(f"{basis} {details}".strip())

    def _dress(self) -> None:
        scheme = self._theme.scheme
        self._frame.setStyleSheet(
            f"#adapted {{ background: {scheme.ground}; border: 2px solid {scheme.accent}; "
            f"border-radius: {RADIUS}px; }}"
        )
        self._picture.setPixmap(pixmap("adapt", scheme.accent, ICON_PX, self.devicePixelRatioF()))
        self._refresh()


# ------------------------------------------------------------------ words


def run_text(run: Round) -> str:
    """What is going on."""
    if run.learning:
        return f"Learning from {_pictures(len(run.digests))}…"
    if not run.ids or run.at >= len(run.ids):
        return "Reading the corrected pictures…"
    return f"Looking at corrected picture {run.at + 1} of {len(run.ids)}…"


def run_part(run: Round) -> float:
    """How much of all is done, 0..1: learning takes about as long as two pictures."""
    if run.learning:
        return (len(run.ids) + 2 * run.part) / (len(run.ids) + 2)
    return (run.at + run.part) / (len(run.ids) + 2)


def offer_texts(offer: Offer) -> tuple[str, str]:
    """What the figures say, and what they rest on."""
    facts = offer.facts
    change = f"F1 {facts.before:.2f} → {facts.after:.2f}"
    basis = f"at {facts.tolerance_px:g} px, on {_pictures(facts.pictures)}"
    if facts.better is None:
        headline = "Cannot be judged yet: only one photo was corrected"
        if facts.pictures > 1:
            headline = "Cannot be judged yet: all corrected pictures are of one photo"
        return headline, f"{change} {basis} that it has learned itself. {_seconds(facts)}"
    photos = f" of {facts.photos} photos" if facts.photos != facts.pictures else ""
    headline = f"Better: {change}" if facts.better else f"Not clearly better: {change}"
    return headline, f"{basis[0].upper()}{basis[1:]}{photos}, each held out in turn. {_seconds(facts)}"


def offer_details(offer: Offer) -> str:
    """All the rest, one fact a line."""
    facts = offer.facts
    lines = [f"Adapted from {facts.base.name}; cut at a score of {facts.threshold * 100:.0f} %."]
    if facts.low is not None and facts.high is not None:
        lines.append(f"Difference in F1, with 95 % certainty: {facts.low:+.2f} to {facts.high:+.2f}.")
    if facts.only_threshold:
        lines.append("Only the threshold moves; learning more did not help.")
    unchanged = facts.pictures - offer.by_hand
    if unchanged > 0:
        lines.append(f"{_pictures(unchanged)} of these approved as a model had found them.")
    if facts.known_before:
        lines.append(
            f"{facts.base.name} has learned from {_pictures(facts.known_before)} of these before, so its "
            "figure is flattered."
        )
    if offer.more:
        lines.append(f"{_pictures(offer.more)} more will be looked at the next time you adapt.")
    if offer.left_out:
        lines.append(f"Left out: {'; '.join(offer.left_out[:5])}")
    return "\n".join(lines)


def _pictures(count: int) -> str:
    return "1 picture" if count == 1 else f"{count} pictures"


def _seconds(facts: AdaptedFacts) -> str:
    return f"Took {facts.seconds:.0f} s." if facts.seconds >= 1 else "Took less than 1 s."
