"""The image list: search, filter by status with counts, and the rows."""

from __future__ import annotations

from collections import Counter

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QSize, Qt, QTimer
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListView,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.panels.image_delegate import ImageDelegate, status_colour
from app.panels.image_model import STATUS_TITLES, ImageFilter, ImageModel, RecordRole
from app.panels.images_order import OrderBar
from app.session import Session
from app.theme.icons import icon, pixmap
from app.theme.scheme import SPACE, Theme
from crackcore.domain.image_record import Review


class ImagesPanel(QWidget):
    """Follows the session's image and changes it."""

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._theme = theme
        self.model = ImageModel(session, self)
        self.filter = ImageFilter(self)
        self.filter.setSourceModel(self.model)

        self.search = QLineEdit()
        self.search.setPlaceholderText("Search by name")
        self.search.setClearButtonEnabled(True)
        self.search.setAccessibleName("Search by name")
        self.chips: dict[Review, QPushButton] = {}
        chips = QHBoxLayout()
        chips.setSpacing(4)
        for review in STATUS_TITLES:
            chip = QPushButton("0")
            chip.setProperty("chip", True)
            chip.setCheckable(True)
            chip.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            chip.setIconSize(QSize(14, 14))
            chip.clicked.connect(lambda checked, review=review: self._choose_status(review, checked))
            chips.addWidget(chip)
            self.chips[review] = chip
        chips.addStretch(1)

        self.list = QListView()
        self.list.setModel(self.filter)
        self.list.setItemDelegate(ImageDelegate(theme, self.list))
        self.list.setUniformItemSizes(True)
        self.list.setMinimumHeight(60)  # a row: a small screen is to hold all panels
        self.list.setMouseTracking(True)
        self.list.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.list.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.list.setAccessibleName("Pictures of the project")
        # Letters are shortcuts of the window; the search field is for finding names.
        self.list.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.empty = QLabel("Nothing matches.")
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty.setProperty("soft", True)
        self.empty.hide()

        self.order = OrderBar(session, theme)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, SPACE // 2, 0, 0)
        layout.setSpacing(SPACE // 2 + 2)
        top = QVBoxLayout()
        top.setContentsMargins(SPACE + 2, 0, SPACE + 2, 0)
        top.setSpacing(SPACE - 2)
        head = QHBoxLayout()
        head.setSpacing(SPACE - 2)
        head.addWidget(self.search, 1)
        head.addWidget(self.order.order)
        top.addLayout(head)
        top.addLayout(chips)
        top.addWidget(self.order)
        layout.addLayout(top)
        layout.addWidget(self.empty)
        layout.addWidget(self.list, 1)

        self.search.textChanged.connect(lambda text: self._apply_filter())
        self.list.selectionModel().currentChanged.connect(self._chosen)
        self._following = False
        self._count_soon = QTimer(self)
        self._count_soon.setSingleShot(True)
        self._count_soon.setInterval(50)
        self._count_soon.timeout.connect(self._count)
        for signal in (session.project_changed, session.images_changed):
            signal.connect(self._count)
        session.record_changed.connect(lambda image_id: self._count_soon.start())
        session.records_changed.connect(self._count_soon.start)
        session.document_changed.connect(self.follow)
        session.loading_changed.connect(self.follow)
        session.project_changed.connect(self._apply_filter)
        session.queue.changed.connect(self.follow)  # the rows were filtered anew with the model
        theme.changed.connect(self._dress)
        self._dress()
        self._count()

    # -------------------------------------------------------------- following

    def follow(self) -> None:
        """Select the image that is shown, or on its way."""
        row = self.model.row_of(self._session.shown_id)
        index = self.filter.mapFromSource(self.model.index(row)) if row >= 0 else QModelIndex()
        self._following = True
        if index.isValid():
            self.list.selectionModel().setCurrentIndex(
                index, QItemSelectionModel.SelectionFlag.ClearAndSelect
            )
            self.list.scrollTo(index, QAbstractItemView.ScrollHint.EnsureVisible)
        else:
            self.list.selectionModel().clear()
        self._following = False

    def _chosen(self, current: QModelIndex, previous: QModelIndex) -> None:
        if self._following or not current.isValid():
            return
        record = current.data(RecordRole)
        if record is not None and record.id != self._session.shown_id:
            self._session.show(record.id)

    # -------------------------------------------------------------- filter and counts

    def _choose_status(self, review: Review, checked: bool) -> None:
        for other, chip in self.chips.items():
            chip.setChecked(checked and other is review)
        self._dress()
        self._apply_filter()

    def _apply_filter(self) -> None:
        status = next((review for review, chip in self.chips.items() if chip.isChecked()), None)
        self.filter.want(text=self.search.text(), status=status)
        nothing = self.filter.rowCount() == 0 and bool(self._session.project.images)
        self.empty.setVisible(nothing)
        self.follow()

    def _count(self) -> None:
        counts = Counter(record.review for record in self._session.project.images)
        for review, chip in self.chips.items():
            number = counts[review]
            chip.setText(str(number))
            chip.setVisible(bool(number) or chip.isChecked() or review in (Review.NEW, Review.APPROVED))
            title = STATUS_TITLES[review]
            chip.setToolTip(f"{title}: {number}. Click to show only these.")
            chip.setAccessibleName(f"{title}: {number}")

    def _dress(self) -> None:
        scheme = self._theme.scheme
        for review, chip in self.chips.items():
            colour = scheme.accent_text if chip.isChecked() else status_colour(review, scheme)
            chip.setIcon(pixmap(f"status-{review}", colour, 28, 2.0))
        if not self.search.actions():
            self._search_icon = self.search.addAction(
                icon("search", scheme), QLineEdit.ActionPosition.LeadingPosition
            )
        else:
            self._search_icon.setIcon(icon("search", scheme))
        self.list.viewport().update()
