"""The main window: where things sit, and how canvas, panels and session are joined."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QByteArray, QEvent, QObject, QSize, Qt, QTimer
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDropEvent,
    QKeyEvent,
    QKeySequence,
    QResizeEvent,
    QShortcut,
)
from PySide6.QtWidgets import (
    QApplication,
    QDockWidget,
    QMainWindow,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QWidget,
)

from app.actions.action import Scope
from app.actions.menus import PEEK_KEY, ActionSet
from app.actions.models import WEIGHT_SUFFIXES, open_import
from app.actions.view import set_layers, toggle_overlay
from app.canvas import CanvasView
from app.canvas.coming import ComingPicture
from app.canvas.key_guard import KeyGuard
from app.dialogs.ask import Ask
from app.document import Document, LayerOptions
from app.editing import ToolBox
from app.jobs import Lanes
from app.jobs.project import PROJECT_SUFFIX
from app.messages import Kind, Message, Way
from app.panels.adapted_notice import AdaptedNotice
from app.panels.canvas_page import CanvasPage, stacked
from app.panels.evaluation import EvaluationPanel
from app.panels.first_run import FirstRunPage
from app.panels.images import ImagesPanel
from app.panels.layers import LayersPanel
from app.panels.look_at import LookAt
from app.panels.looked_at_notice import LookedAtNotice
from app.panels.message_area import MessageArea
from app.panels.picture_notice import PictureNotice
from app.panels.prediction import PredictionPanel
from app.panels.status import StatusLine
from app.panels.tools import ToolOptions, ToolStrip
from app.panels.training import TrainingPanel
from app.session import Session
from app.session.intake import samples_folder
from app.settings.storage import SettingsHolder
from app.theme.scheme import SPACE, Theme
from crackcore.names import shown_name

TAP_S = 0.25
FRAME_PX = 40  # the title bar, which the window manager adds
VIEW_KEPT_AFTER_MS = 700
TOOLS = ("brush", "eraser", "fill", "polygon", "pan")


class Window(QMainWindow):
    """Everything on screen. Decides nothing about cracks or files."""

    def __init__(
        self,
        session: Session,
        lanes: Lanes,
        settings: SettingsHolder,
        theme: Theme,
        *,
        ask: Ask | None = None,
    ) -> None:
        super().__init__()
        self.session = session
        self._settings = settings
        self._theme = theme
        self._may_close = False
        self._leaving = False
        self._shown: Document | None = None
        self.setObjectName("window")
        self.setAcceptDrops(True)
        self.setAnimated(False)
        self.setMinimumSize(900, 560)
        self.resize(self._first_size())

        value = settings.value
        self.tools = ToolBox(self, brush_px=value.brush_px)
        self.canvas = CanvasView(self.tools)
        options = replace(LayerOptions(), opacity=value.overlay_percent / 100)
        self.layers = LayersPanel(options)
        self.canvas.set_layers(options)
        self.scope = Scope(
            session, lanes, self.canvas, self.tools, self.layers, settings, theme, ask or Ask(self), self
        )
        self.actions_set = ActionSet(self.scope, self)
        self._recent_menu = self.actions_set.fill_menu_bar(self.menuBar())
        self.addActions(list(self.actions_set.by_id.values()))

        self._build_middle()
        self._build_sides()
        self._join()
        geometry = QByteArray.fromHex(QByteArray(value.geometry.encode("ascii", "ignore")))
        if not geometry.isEmpty():
            self.restoreGeometry(geometry)
        self._project_changed()

    # -------------------------------------------------------------- building

    def _build_middle(self) -> None:
        by_id = self.actions_set.by_id
        entries = [by_id[i] for i in ("file.open-folder", "file.open-pictures", "file.open-project")]
        self.first_run = FirstRunPage(entries, samples_folder(), self.scope.lanes, self._theme)
        self.stack = QStackedWidget()
        self.messages = MessageArea(self._theme, self.stack)
        self.notice = PictureNotice(self.session, self._theme)
        self.coming = ComingPicture(self.canvas)
        self.looked_at = LookedAtNotice(self.session, self._theme)
        self.adapted = AdaptedNotice(self.session, self._theme)
        self.page = CanvasPage(self.canvas, self.coming, [self.looked_at, self.notice, self.adapted])
        # Hidden behind a project, it must not keep the picture as large as it is itself.
        self.first_run.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self.stack.addWidget(self.first_run)
        self.stack.addWidget(self.page)
        self.setCentralWidget(self.stack)
        self.messages.setParent(self.stack)
        self.messages.arranged.connect(self._place_messages)
        self.status = StatusLine(self.session, self._theme)
        self.setStatusBar(self.status)

    def _build_sides(self) -> None:
        by_id = self.actions_set.by_id
        self.tool_strip = ToolStrip({name: by_id[f"tool.{name}"] for name in TOOLS}, self.tools)
        self.tool_strip.addSeparator()
        for action_id in ("edit.undo", "edit.redo"):
            self.tool_strip.addAction(by_id[action_id])
        self.tool_strip.addSeparator()
        for action_id in ("view.fit", "view.actual-size", "view.overlay", "view.outline", "view.score"):
            self.tool_strip.addAction(by_id[action_id])
        self.tool_options = ToolOptions(self.tools, self._theme)
        self.approve_button = QPushButton("Approve and next")
        self.approve_button.setProperty("primary", True)
        self.approve_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.approve_button.setToolTip("Approve and next (Enter)")
        self.approve_button.clicked.connect(lambda: self.actions_set.run("review.approve-next"))
        self.tool_options.add_at_end([by_id["review.previous"], by_id["review.next"]], self.approve_button)
        self.addToolBar(Qt.ToolBarArea.TopToolBarArea, self.tool_options)
        self.addToolBar(Qt.ToolBarArea.LeftToolBarArea, self.tool_strip)

        self.images = ImagesPanel(self.session, self._theme)
        self.prediction = PredictionPanel(self.session, self._theme)
        self.look_at = LookAt(self.session)
        self.docks = [
            self._dock("Pictures", self.images),
            self._dock("Model and threshold", self.prediction),
            self._dock("Layers", stacked(self.layers, self.look_at)),
        ]
        for dock in self.docks:
            self.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, dock)
        self.resizeDocks(self.docks, [900, 100, 100], Qt.Orientation.Vertical)
        self.resizeDocks(self.docks[:1], [310], Qt.Orientation.Horizontal)
        self.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
        self.evaluation = EvaluationPanel(self.session, self._theme)
        self.evaluation.save_wanted.connect(lambda: self.actions_set.run("evaluate.save"))
        self.docks_below: list[QDockWidget] = []
        self.evaluation.close_wanted.connect(self._dock_below("Evaluation", self.evaluation).hide)
        self.training = TrainingPanel(self.session, self._theme)
        self.training.wanted.connect(lambda: self.actions_set.run("retrain.open"))
        training = self._dock_below("Training", self.training)
        self.training.close_wanted.connect(training.hide)
        # Without the keyboard: who started it goes on with the picture.
        self.session.retraining.shown.connect(training.show)
        self.session.retraining.shown.connect(training.raise_)

    def _dock(self, title: str, content: QWidget) -> QDockWidget:
        dock = QDockWidget(title, self)
        dock.setObjectName(f"dock {title}")
        dock.setFeatures(QDockWidget.DockWidgetFeature.NoDockWidgetFeatures)
        dock.setWidget(content)
        return dock

    def _dock_below(self, title: str, content: QWidget) -> QDockWidget:
        """A panel under the picture that comes when it is asked for; several are tabs of one place."""
        dock = self._dock(title, content)
        dock.setFeatures(QDockWidget.DockWidgetFeature.DockWidgetClosable)
        self.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, dock)
        if self.docks_below:
            self.tabifyDockWidget(self.docks_below[-1], dock)
        dock.hide()
        self.docks_below.append(dock)
        return dock

    def _join(self) -> None:
        session, canvas = self.session, self.canvas
        self.first_run.samples_wanted.connect(session.intake.open_samples)
        self.first_run.project_wanted.connect(session.open_project)
        self.layers.options_changed.connect(lambda options: set_layers(self.scope, options))
        self.layers.options_changed.connect(lambda options: self.actions_set.refresh())
        self.prediction.model.clicked.connect(lambda: self.actions_set.run("model.choose"))
        self.prediction.predict_this.clicked.connect(lambda: self.actions_set.run("predict.this"))
        self.prediction.predict_all.clicked.connect(self._predict_all_or_stop)
        canvas.cursor_moved.connect(self.status.show_cursor)
        canvas.view_changed.connect(self._view_changed)
        canvas.message.connect(lambda text: session.tell(Message(text, Kind.INFO, key="canvas")))
        session.told.connect(self.messages.tell)
        session.wanted.connect(self.actions_set.run)
        session.left.connect(self._left)
        session.project_changed.connect(self._project_changed)
        session.document_changed.connect(self._document_changed)
        session.loading_changed.connect(self._loading_changed)
        session.record_changed.connect(lambda image_id: self._refresh())
        session.records_changed.connect(self._refresh)
        session.images_changed.connect(self._refresh)
        session.predicting.changed.connect(self.actions_set.refresh)
        session.models.changed.connect(self._refresh)
        session.looking.changed.connect(self._looking_changed)
        session.adapting.changed.connect(self.actions_set.refresh)
        session.retraining.changed.connect(self.actions_set.refresh)
        session.intake.place_wanted.connect(self._ask_for_place)
        self._settings.changed.connect(self._setting_changed)
        self._theme.changed.connect(self.actions_set.dress)
        self._view_soon = QTimer(self)
        self._view_soon.setSingleShot(True)
        self._view_soon.setInterval(VIEW_KEPT_AFTER_MS)
        self._view_soon.timeout.connect(self._keep_view)
        KeyGuard(canvas, self)
        # One key with two meanings needs its release too, which an action does not give.
        self._peek_key = QShortcut(QKeySequence(PEEK_KEY), self)
        self._peek_key.setAutoRepeat(False)
        self._peek_key.activated.connect(self._peek)
        self._peek_since = 0.0
        self._peek_watched: QWidget | None = None

    # -------------------------------------------------------------- following the session

    def _project_changed(self) -> None:
        session = self.session
        is_open = session.is_open
        self.stack.setCurrentWidget(self.page if is_open else self.first_run)
        for widget in (*self.docks, self.tool_strip, self.tool_options):
            widget.setVisible(is_open)
        for dock in () if is_open else self.docks_below:
            dock.hide()
        if is_open and session.path is not None:
            name = shown_name(session.path.stem)
            only = " (read-only)" if session.read_only else ""
            self.setWindowTitle(f"{name}{only} — Crackscope")
        else:
            self.setWindowTitle("Crackscope")
            self.first_run.show_recent(self._settings.recent)
        self._fill_recent()
        self._refresh()

    def _document_changed(self) -> None:
        document = self.session.document
        if self._shown is not None and self._shown is not document:
            self._shown.undo_stack.indexChanged.disconnect(self._undo_moved)
            self._shown.frozen_changed.disconnect(self._refresh)
        if document is not None and document is not self._shown:
            document.undo_stack.indexChanged.connect(self._undo_moved)
            document.frozen_changed.connect(self._refresh)
        self._shown = document
        self.canvas.set_document(document, keep_view=True)
        view = self.session.view_to_restore
        if document is not None and view is not None:
            self.session.view_to_restore = None
            if view.image_id == document.record.id:
                self.canvas.set_view_state(view)
        if document is not None:
            self._view_soon.start()
        if not self.session.is_loading:
            self.coming.hide()
        self._refresh()

    def _loading_changed(self) -> None:
        """A picture on its way is shown by its thumbnail at once."""
        session = self.session
        thumbnail = self.images.model.thumbnails.kept(session.shown_id) if session.is_loading else None
        if thumbnail is None or self.canvas.is_in_gesture:
            self.coming.hide()
        else:
            record = session.record(session.shown_id)
            self.coming.show_for(thumbnail, record.grid_size)

    def _looking_changed(self) -> None:
        looking = self.session.looking
        self.canvas.look_at(looking.look, outline=looking.outline)

    def _undo_moved(self, index: int) -> None:
        self._refresh()

    def _refresh(self) -> None:
        self.actions_set.refresh()
        self.approve_button.setEnabled(self.actions_set.by_id["review.approve-next"].isEnabled())

    def _predict_all_or_stop(self) -> None:
        running = self.session.predicting.batch is not None
        self.actions_set.run("predict.stop" if running else "predict.all")

    def _setting_changed(self, name: str) -> None:
        if name == "theme":
            self._theme.choose(self._settings.value.theme)
        elif name == "recent":
            self._fill_recent()

    def _fill_recent(self) -> None:
        self._recent_menu.clear()
        for path in self._settings.recent:
            title = f"{shown_name(path.stem)}    {shown_name(path.parent, whole=True)}".replace("&", "&&")
            action = self._recent_menu.addAction(title)
            action.triggered.connect(lambda checked=False, path=path: self.session.open_project(path))
        self._recent_menu.setEnabled(bool(self._settings.recent))

    def _ask_for_place(self, suggestion: Path) -> None:
        self.session.tell(
            Message(
                "The folder of the pictures cannot be written to, so the project needs another place.",
                Kind.INFO,
                key="place",
            )
        )
        place = self.scope.ask.new_project("Where should the project go?", suggestion)
        if place is not None:
            self.session.intake.make_at(place)

    # -------------------------------------------------------------- the view

    def _view_changed(self) -> None:
        if self.session.document is not None:
            self.status.show_zoom(self.canvas.scale)
            if self.session.view_to_restore is None:
                self._view_soon.start()

    def _keep_view(self) -> None:
        if self.session.document is not None and self.session.view_to_restore is None:
            self.session.move_view(self.canvas.view_state())

    def _place_messages(self) -> None:
        width = min(760, self.stack.width() - 4 * SPACE)
        self.messages.setFixedWidth(max(200, width))
        self.messages.adjustSize()
        self.messages.move((self.stack.width() - self.messages.width()) // 2, SPACE + 4)
        self.messages.raise_()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_messages()

    def _peek(self) -> None:
        """H went down: look under the mask until it comes up again; a short tap is a switch."""
        if self.scope.document is None or self._peek_watched is not None:
            return
        self._peek_since = time.monotonic()
        self.canvas.peek(True)
        self._peek_watched = QApplication.focusWidget() or self
        self._peek_watched.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._peek_watched:
            kind = event.type()
            up = (
                kind == QEvent.Type.KeyRelease
                and isinstance(event, QKeyEvent)
                and event.key() == Qt.Key.Key_H
                and not event.isAutoRepeat()
            )
            if up or kind in (QEvent.Type.FocusOut, QEvent.Type.WindowDeactivate):
                self._end_peek(tapped=up and time.monotonic() - self._peek_since < TAP_S)
        return super().eventFilter(watched, event)

    def _end_peek(self, *, tapped: bool) -> None:
        if self._peek_watched is not None:
            self._peek_watched.removeEventFilter(self)
            self._peek_watched = None
        self.canvas.peek(False)
        if tapped:
            toggle_overlay(self.scope)
            self.actions_set.refresh()

    # -------------------------------------------------------------- dropping

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        event.acceptProposedAction()
        self.take_dropped(paths)

    def take_dropped(self, paths: list[Path]) -> None:
        """Open what was dropped; with a project open, ask first whether to add it (not by a dialog)."""
        session = self.session
        weights = [p for p in paths if p.suffix.lower() in WEIGHT_SUFFIXES]
        if weights and session.models.known:
            open_import(self.scope, file=weights[0])
            return
        is_project = any(p.suffix.lower() == PROJECT_SUFFIX for p in paths)
        if not session.is_open or session.read_only or is_project:
            session.intake.open_paths(paths)
            return
        what = shown_name(paths[0]) if len(paths) == 1 else f"{len(paths)} things"
        session.tell(
            Message(
                f"Where should {what} go?",
                Kind.INFO,
                (
                    Way("Add to this project", lambda: session.intake.add_paths(paths)),
                    Way("Open on its own", lambda: session.intake.open_paths(paths)),
                ),
                key="drop",
                stays=True,
            )
        )

    # -------------------------------------------------------------- leaving

    def closeEvent(self, event: QCloseEvent) -> None:
        if self._may_close:
            event.accept()
            return
        event.ignore()
        if not self._leaving:
            self._leaving = True
            self._view_soon.stop()
            self._keep_view()
            self._settings.set("geometry", bytes(self.saveGeometry().toHex().data()).decode("ascii"))
        self.session.leave()

    def _left(self) -> None:
        self._may_close = True
        # Not at once: when there is nothing to wait for, this is called from within closeEvent, and Qt
        # closes no window that is being closed.
        QTimer.singleShot(0, self, self.close)

    def _first_size(self) -> QSize:
        """As large as is comfortable, but with its frame on the screen."""
        room = self.screen().availableSize() - QSize(0, FRAME_PX)
        return self.sizeHint().boundedTo(room).expandedTo(self.minimumSize())

    def sizeHint(self) -> QSize:
        return QSize(1440, 900)
