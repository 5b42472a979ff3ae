"""Errors as sentences, and the last nets under the program.

A message is plain text for a person: what happened, what can be done, and the ways out as
buttons. Traces go to the log, never to the screen.
"""

from __future__ import annotations

import faulthandler
import logging
import logging.handlers
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import TextIO

from PySide6.QtCore import QMessageLogContext, QObject, Qt, QtMsgType, Signal, qInstallMessageHandler

from crackcore import errors
from crackcore.names import shown_name

_log = logging.getLogger("app")


class Kind(StrEnum):
    INFO = "info"
    DONE = "done"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Way:
    """A button under a message."""

    title: str
    run: Callable[[], object]


@dataclass(frozen=True)
class Message:
    """One thing to tell. Messages of the same `key` replace each other."""

    text: str
    kind: Kind = Kind.INFO
    ways: tuple[Way, ...] = ()
    key: str = ""
    stays: bool = False  # until it is dismissed; others fade
    details: tuple[str, ...] = field(default=())


# What a person can do about each kind of refusal when the error itself does not say it. The
# nearest class in the error's ancestry is used; a test asserts that every class is reached.
_HINTS: dict[type[BaseException], str] = {
    errors.CrackError: "Your work is safe; you can go on.",
    errors.FileProblem: "Check that the file can be reached and read.",
    errors.InputRefused: "The other pictures are not affected.",
    errors.PhotoMissing: "If it was moved, it can be found again by its content.",
    errors.NoSpace: "Free some space on the disk, or save to another place. Nothing is lost meanwhile.",
    errors.PlaceReadOnly: "Choose another place.",
    errors.TargetExists: "Choose a new or an empty folder.",
    errors.ProjectProblem: "The file was not changed.",
    errors.NotAProject: "Choose a file that ends in .crackscope.",
    errors.ProjectTooNew: "Update the program, or ask for the project in an older format.",
    errors.ProjectDamaged: "An earlier state can be brought back from the backups beside it.",
    errors.ProjectChangedElsewhere: "Save a copy, then open the project again.",
    errors.ProjectReadOnly: "Close it in the other window, or save a copy.",
    errors.UnknownPicture: "Open the project again.",
    errors.ModelProblem: "Choose another model.",
    errors.UnknownModel: "Choose one of the installed models.",
    errors.ModelFileDamaged: "Install the model file again.",
    errors.WeightsDoNotFit: "The file does not belong to this kind of model.",
    errors.CheckpointRefused: "Ask the authors for the weights alone (a state dict, or .safetensors).",
    errors.NetworkNotRecognised: "Choose the network that these weights belong to.",
    errors.NotExported: "The model itself is not affected.",
    errors.NotAnalysed: "Try another model, or run it on the processor.",
    errors.TrainingStopped: "The last good state was kept.",
    errors.DeviceProblem: "Try to run the model on the processor (Edit, Settings).",
    errors.OutOfDeviceMemory: "Close other programs, or run the model on the processor (Edit, Settings).",
    errors.DeviceLost: "Start the program again, or run the model on the processor (Edit, Settings).",
    errors.PluginProblem: "Remove the extension and start again.",
}


def hint_for(error: BaseException) -> str:
    """The error's own hint, or the one for its kind."""
    own = getattr(error, "hint", "")
    if own:
        return str(own)
    for kind in type(error).__mro__:
        if kind in _HINTS:
            return _HINTS[kind]
    return ""


def sentence(error: BaseException) -> str:
    """One plain sentence (or two) for any error, without trace, class name or module path."""
    if isinstance(error, errors.CrackError):
        return f"{error.message} {hint_for(error)}".strip()
    if isinstance(error, MemoryError):
        return "There is not enough memory for this. Close other programs or use smaller pictures."
    if isinstance(error, OSError):
        what = error.strerror or "the system refused"
        where = f" ({shown_name(error.filename)})" if isinstance(error.filename, (str, bytes, Path)) else ""
        return f"A file could not be used{where}: {what.lower()}."
    return (
        "Something went wrong inside the program. Every finished stroke is safe; you can go on. "
        "The details are in the log (Help, Open the log folder)."
    )


def message_for(
    error: BaseException, *, about: str = "", ways: tuple[Way, ...] = (), key: str = ""
) -> Message:
    text = f"{about} {sentence(error)}".strip()
    return Message(text, Kind.ERROR, ways, key or f"error:{text}", stays=True)


# ------------------------------------------------------------------ the last nets


class LastNet(QObject):
    """Catches what nobody caught, on any thread, and Qt's own words; the event loop goes on."""

    caught = Signal(object)  # Message
    _from_thread = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._from_thread.connect(self._tell, Qt.ConnectionType.QueuedConnection)
        self._before = (sys.excepthook, threading.excepthook)
        self._qt_before: Callable[..., object] | None = None
        self._installed = False

    def install(self) -> None:
        sys.excepthook = self._python_error
        threading.excepthook = self._thread_error
        self._qt_before = qInstallMessageHandler(_qt_message)
        self._installed = True

    def remove(self) -> None:
        if self._installed:
            sys.excepthook, threading.excepthook = self._before
            qInstallMessageHandler(self._qt_before)
            self._installed = False

    def _python_error(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
            return
        _log.error("uncaught error", exc_info=(kind, error, trace))
        self._from_thread.emit(error)

    def _thread_error(self, what: threading.ExceptHookArgs) -> None:
        if what.exc_value is None or issubclass(what.exc_type, SystemExit):
            return
        _log.error("uncaught error in a thread", exc_info=(what.exc_type, what.exc_value, what.exc_traceback))
        self._from_thread.emit(what.exc_value)

    def _tell(self, error: BaseException) -> None:
        self.caught.emit(message_for(error))


_QT_LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}


def _qt_message(kind: QtMsgType, context: QMessageLogContext, text: str) -> None:
    logging.getLogger("qt").log(_QT_LEVELS.get(kind, logging.INFO), "%s", text)


class _PlainFormatter(logging.Formatter):
    """Control and direction characters of names never reach a terminal or an editor as such."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return "\n".join(shown_name(line, whole=True) for line in text.split("\n"))


def start_log(state: Path) -> tuple[Path, TextIO]:
    """A rotating log in the state folder, and faulthandler into a file beside it.

    Returns the log's folder and the open file that faulthandler writes to (it must stay open).
    """
    folder = state / "log"
    folder.mkdir(parents=True, exist_ok=True)
    out = logging.handlers.RotatingFileHandler(
        folder / "crackscope.log",
        maxBytes=1_000_000,
        backupCount=3,
        encoding="utf-8",
        errors="backslashreplace",
    )
    out.setFormatter(_PlainFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(out)
    root.setLevel(logging.INFO)
    crash = open(folder / "crash.log", "a", encoding="utf-8")  # noqa: SIM115 - open until the end
    faulthandler.enable(crash)
    return folder, crash
