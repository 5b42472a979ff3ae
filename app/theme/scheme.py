"""Dark and light: the colours of the window, spacing, and how they reach Qt.

Both schemes are neutral greys, so that colours in the photograph and the overlay are the only
saturated ones on screen beside one accent. Text on its ground has a contrast of at least 4.5 : 1
in both (a test computes it).
"""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

SPACE = 8  # the step all distances are multiples or halves of, in px
RADIUS = 5
FIELD_PX = 28  # height of fields that are typed into or chosen from


@dataclass(frozen=True)
class Scheme:
    """Named colours; every stylesheet and painter takes them from here."""

    name: str
    ground: str  # panels, tool bars
    raised: str  # fields, lists, buttons
    hover: str
    line: str
    canvas: str  # around the photograph
    text: str
    text_soft: str  # secondary text; still readable
    text_off: str  # disabled
    accent: str
    accent_text: str
    info: str
    done: str
    warning: str
    error: str


LIGHT = Scheme(
    name="light",
    ground="#f4f4f5",
    raised="#ffffff",
    hover="#e7e8ea",
    line="#d3d5d9",
    canvas="#d9dadd",
    text="#1c1e21",
    text_soft="#565b63",
    text_off="#9a9fa7",
    accent="#0b62c4",
    accent_text="#ffffff",
    info="#0b62c4",
    done="#1d7a3d",
    warning="#8f5a00",
    error="#b3261e",
)

DARK = Scheme(
    name="dark",
    ground="#232427",
    raised="#2d2f33",
    hover="#393c41",
    line="#44474d",
    canvas="#17181a",
    text="#e9eaec",
    text_soft="#aeb3bb",
    text_off="#70757d",
    accent="#67aef5",
    accent_text="#0c1726",
    info="#67aef5",
    done="#6cc58a",
    warning="#e5b35c",
    error="#ff8a80",
)


def palette_of(scheme: Scheme) -> QPalette:
    palette = QPalette()
    role = QPalette.ColorRole
    for which, colour in {
        role.Window: scheme.ground,
        role.WindowText: scheme.text,
        role.Base: scheme.raised,
        role.AlternateBase: scheme.ground,
        role.Text: scheme.text,
        role.Button: scheme.raised,
        role.ButtonText: scheme.text,
        role.BrightText: scheme.error,
        role.Highlight: scheme.accent,
        role.HighlightedText: scheme.accent_text,
        role.Link: scheme.accent,
        role.LinkVisited: scheme.accent,
        role.ToolTipBase: scheme.raised,
        role.ToolTipText: scheme.text,
        role.PlaceholderText: scheme.text_soft,
        role.Accent: scheme.accent,
        role.Light: scheme.hover,
        role.Midlight: scheme.hover,
        role.Mid: scheme.line,
        role.Dark: scheme.line,
        role.Shadow: scheme.canvas,
    }.items():
        palette.setColor(which, QColor(colour))
    for which in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, which, QColor(scheme.text_off))
    palette.setColor(QPalette.ColorGroup.Disabled, role.Highlight, QColor(scheme.hover))
    palette.setColor(QPalette.ColorGroup.Disabled, role.HighlightedText, QColor(scheme.text_off))
    return palette


def stylesheet_of(s: Scheme) -> str:
    """Only what the palette cannot say: borders, distances, states."""
    return f"""
QMainWindow::separator {{ background: {s.line}; width: 1px; height: 1px; }}
QMainWindow::separator:hover {{ background: {s.accent}; }}
QMenuBar {{ background: {s.ground}; padding: 2px 4px; border-bottom: 1px solid {s.line}; }}
QMenuBar::item {{ padding: 4px 9px; border-radius: {RADIUS - 1}px; background: transparent; }}
QMenuBar::item:selected {{ background: {s.hover}; }}
QMenu {{ background: {s.raised}; border: 1px solid {s.line}; padding: 4px; }}
QMenu::item {{ padding: 5px 26px 5px 10px; border-radius: {RADIUS - 1}px; }}
QMenu::icon {{ padding-left: 8px; }}
QMenu::item:selected {{ background: {s.accent}; color: {s.accent_text}; }}
QMenu::item:disabled {{ color: {s.text_off}; background: transparent; }}
QMenu::separator {{ height: 1px; background: {s.line}; margin: 4px 6px; }}
QToolBar {{ background: {s.ground}; border: none; padding: 4px; spacing: 2px; }}
QToolBar#options {{ border-bottom: 1px solid {s.line}; padding: 4px 8px; spacing: 6px; }}
QToolBar#tools {{ border-right: 1px solid {s.line}; }}
QToolBar QToolButton {{ border: 1px solid transparent; border-radius: {RADIUS}px; padding: 5px; }}
QToolBar QToolButton:hover {{ background: {s.hover}; }}
QToolBar QToolButton:checked {{ background: {s.accent}; color: {s.accent_text}; }}
QToolBar QToolButton:focus {{ border-color: {s.accent}; }}
QToolBar::separator {{ background: {s.line}; margin: 4px; width: 1px; height: 1px; }}
QDockWidget {{ titlebar-close-icon: none; font-weight: 600; }}
QDockWidget::title {{ background: {s.ground}; padding: 7px 10px 5px 6px; border-top: 1px solid {s.line}; }}
QStatusBar {{ background: {s.ground}; border-top: 1px solid {s.line}; }}
QStatusBar::item {{ border: none; }}
QStatusBar QLabel {{ color: {s.text_soft}; padding: 0 6px; }}
QPushButton {{
    background: {s.raised}; border: 1px solid {s.line}; border-radius: {RADIUS}px;
    padding: 5px 12px; }}
QPushButton:hover {{ background: {s.hover}; }}
QPushButton:pressed {{ background: {s.line}; }}
QPushButton:focus {{ border-color: {s.accent}; }}
QPushButton:disabled {{ color: {s.text_off}; background: {s.ground}; }}
QPushButton[primary="true"] {{
    background: {s.accent}; color: {s.accent_text}; border-color: {s.accent}; font-weight: 600; }}
QPushButton[primary="true"]:disabled {{
    background: {s.hover}; color: {s.text_off}; border-color: {s.line}; }}
QPushButton[chip="true"] {{
    padding: 2px 8px; border-radius: 10px; color: {s.text_soft}; background: transparent; }}
QPushButton[chip="true"]:hover {{ background: {s.hover}; }}
QPushButton[chip="true"]:checked {{
    background: {s.accent}; color: {s.accent_text}; border-color: {s.accent}; }}
QLineEdit, QPlainTextEdit {{
    background: {s.raised}; border: 1px solid {s.line}; border-radius: {RADIUS}px; padding: 4px 6px;
    selection-background-color: {s.accent}; selection-color: {s.accent_text}; }}
QLineEdit:focus, QPlainTextEdit:focus {{
    border-color: {s.accent}; }}
QLineEdit:disabled {{ color: {s.text_off}; background: {s.ground}; }}
QListView, QTreeView, QTableView {{ background: {s.raised}; border: none; outline: none; }}
QScrollBar:vertical {{ background: transparent; width: 11px; margin: 0; }}
QScrollBar:horizontal {{ background: transparent; height: 11px; margin: 0; }}
QScrollBar::handle {{
    background: {s.line}; border-radius: 4px; margin: 2px; min-height: 28px; min-width: 28px; }}
QScrollBar::handle:hover {{ background: {s.text_off}; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
QProgressBar {{
    background: {s.hover}; border: none; border-radius: 3px; max-height: 6px; min-height: 6px; }}
QProgressBar::chunk {{ background: {s.accent}; border-radius: 3px; }}
QSlider::groove:horizontal {{ background: {s.line}; height: 4px; border-radius: 2px; }}
QSlider::sub-page:horizontal {{ background: {s.accent}; border-radius: 2px; }}
QSlider::handle:horizontal {{
    background: {s.raised}; border: 2px solid {s.accent}; width: 10px; height: 10px; margin: -5px 0;
    border-radius: 7px; }}
QSlider::handle:horizontal:disabled {{ border-color: {s.text_off}; }}
QSlider::sub-page:horizontal:disabled {{ background: {s.line}; }}
QToolTip {{ background: {s.raised}; color: {s.text}; border: 1px solid {s.line}; padding: 4px 6px; }}
QLabel[soft="true"] {{ color: {s.text_soft}; }}
QLabel[title="true"] {{ font-size: 20pt; font-weight: 600; }}
QLabel[heading="true"] {{ font-weight: 600; }}
QLabel[chip="true"] {{
    border: 1px solid {s.line}; border-radius: 9px; padding: 1px 8px; color: {s.text_soft}; }}
"""


class Theme(QObject):
    """Which scheme is in force. Follows the system unless the user forced one."""

    changed = Signal()

    def __init__(self, application: QApplication, choice: str = "system") -> None:
        super().__init__(application)
        self._application = application
        self._choice = choice
        self.scheme = LIGHT
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._refresh)
        self._refresh()

    def choose(self, choice: str) -> None:
        """system, light or dark."""
        self._choice = choice
        self._refresh()

    def _refresh(self) -> None:
        if self._choice == "system":
            dark = QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
        else:
            dark = self._choice == "dark"
        self.scheme = DARK if dark else LIGHT
        self._application.setPalette(palette_of(self.scheme))
        self._application.setStyleSheet(stylesheet_of(self.scheme))
        self.changed.emit()


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours as WCAG 2 defines it, 1 to 21."""
    first, second = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (first + 0.05) / (second + 0.05)


def _luminance(colour: str) -> float:
    value = QColor(colour)
    parts = [_linear(v) for v in (value.redF(), value.greenF(), value.blueF())]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def _linear(v: float) -> float:
    return v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4
