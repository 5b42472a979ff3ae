"""The settings, made from their table. A change acts at once."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.settings.schema import Settings, facts_of, names
from app.settings.storage import SettingsHolder
from app.theme.scheme import FIELD_PX, SPACE


class SettingsDialog(QDialog):
    """One row for each setting that is shown."""

    def __init__(self, settings: SettingsHolder, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Settings")
        self.setMinimumWidth(440)
        self._settings = settings
        self.fields: dict[str, QComboBox | QSpinBox] = {}
        form = QFormLayout()
        form.setHorizontalSpacing(SPACE * 2)
        form.setVerticalSpacing(SPACE)
        for name in names():
            facts = facts_of(name)
            if facts.shown:
                self.fields[name] = self._field(name)
                self.fields[name].setMinimumHeight(FIELD_PX)
                label = QLabel(facts.title)
                label.setMinimumHeight(FIELD_PX)  # so that it stands in the middle of its field's height
                label.setBuddy(self.fields[name])
                form.addRow(label, self.fields[name])
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.button(QDialogButtonBox.StandardButton.Close).setIcon(QIcon())
        defaults = QPushButton("Back to the defaults")
        buttons.addButton(defaults, QDialogButtonBox.ButtonRole.ResetRole)
        defaults.clicked.connect(self._to_defaults)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE * 2, SPACE * 2, SPACE * 2, SPACE * 2)
        layout.setSpacing(SPACE * 2)
        layout.addLayout(form)
        layout.addWidget(buttons)

    def _field(self, name: str) -> QComboBox | QSpinBox:
        facts, value = facts_of(name), getattr(self._settings.value, name)
        if facts.choices:
            box = QComboBox()
            for choice, title in facts.choices:
                box.addItem(title, choice)
            box.setCurrentIndex(box.findData(value))
            box.activated.connect(lambda index: self._settings.set(name, box.itemData(index)))
            return box
        number = QSpinBox()
        number.setRange(facts.low, facts.high)
        number.setSuffix(f" {facts.unit}" if facts.unit else "")
        number.setKeyboardTracking(False)
        number.setValue(value)
        number.valueChanged.connect(lambda changed: self._settings.set(name, changed))
        return number

    def _to_defaults(self) -> None:
        defaults = Settings()
        for name, field in self.fields.items():
            value = getattr(defaults, name)
            self._settings.set(name, value)
            if isinstance(field, QComboBox):
                field.setCurrentIndex(field.findData(value))
            else:
                field.setValue(value)
