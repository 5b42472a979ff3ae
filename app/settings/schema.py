"""The table of settings. The dialog is made from it, and so is the file."""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields, replace
from typing import Any

SETTINGS_VERSION = 1


@dataclass(frozen=True)
class SettingFacts:
    """How a setting is shown and what it may be."""

    title: str
    unit: str = ""
    low: int = 0
    high: int = 0
    choices: tuple[tuple[str, str], ...] = ()  # (value, title)
    shown: bool = True


def setting(
    default: Any,
    title: str,
    *,
    unit: str = "",
    low: int = 0,
    high: int = 0,
    choices: tuple[tuple[str, str], ...] = (),
    shown: bool = True,
) -> Any:
    """A row of the table: its default and its facts."""
    return field(default=default, metadata={"facts": SettingFacts(title, unit, low, high, choices, shown)})


@dataclass(frozen=True)
class Settings:
    """Everything adjustable, as one value; `with_value` makes a changed one."""

    theme: str = setting(
        "system",
        "Colours",
        choices=(("system", "Follow the system"), ("light", "Light"), ("dark", "Dark")),
    )
    device: str = setting(
        "auto",
        "Run models on",
        choices=(("auto", "Graphics card if there is one"), ("cpu", "Processor"), ("cuda", "Graphics card")),
    )
    precision: str = setting(
        "auto",
        "Precision of the model",
        choices=(
            ("auto", "Automatic"),
            ("float32", "Exact (float32)"),
            ("bfloat16", "Fast (bfloat16)"),
        ),
    )
    refinement: str = setting(
        "model",
        "Refine every new score",
        choices=(
            ("model", "As the model says"),
            ("none", "Never"),
            ("guided-filter", "Sharper edges (guided filter)"),
            ("crf", "Weighed against the whole picture (CRF)"),
        ),
    )
    result_grid: str = setting(
        "photo",
        "Result of models that enlarge",
        choices=(("photo", "In photo pixels"), ("finer", "Four times finer")),
        shown=False,  # it stands beside the model, where there is one that enlarges
    )
    brush_px: int = setting(9, "Brush size at start", unit="px", low=1, high=200)
    overlay_percent: int = setting(75, "Overlay opacity at start", unit="%", low=5, high=100)
    checkpoint_s: int = setting(60, "Fold the journal into the project after", unit="s", low=10, high=3600)
    checkpoint_strokes: int = setting(
        300, "Fold the journal into the project every", unit="steps", low=20, high=5000
    )
    loaded_mb: int = setting(1024, "Memory for pictures kept ready", unit="MB", low=128, high=65536)
    model: str = setting("", "Model", shown=False)
    geometry: str = setting("", "Size and place of the window", shown=False)
    recent: tuple[str, ...] = setting((), "Recent projects", shown=False)

    def with_value(self, name: str, value: Any) -> Settings:
        """A copy with one value changed; raises ValueError when the value is not allowed."""
        checked = _checked(_FIELDS[name], value)
        return replace(self, **{name: checked})

    def deviations(self) -> dict[str, Any]:
        """What differs from the defaults, as plain values."""
        out: dict[str, Any] = {}
        for entry in fields(self):
            value = getattr(self, entry.name)
            if value != entry.default:
                out[entry.name] = list(value) if isinstance(value, tuple) else value
        return out


def facts_of(name: str) -> SettingFacts:
    facts: SettingFacts = _FIELDS[name].metadata["facts"]
    return facts


def names() -> tuple[str, ...]:
    return tuple(_FIELDS)


def from_deviations(raw: dict[str, Any]) -> Settings:
    """Settings from a file; values that are unknown or not allowed fall back to the default."""
    settings = Settings()
    for name, value in raw.items():
        if name in _FIELDS:
            try:
                settings = settings.with_value(name, value)
            except ValueError:
                continue
    return settings


def _checked(entry: Field[Any], value: Any) -> Any:
    facts = facts_of(entry.name)
    if isinstance(entry.default, tuple):
        if not isinstance(value, (tuple, list)) or not all(isinstance(v, str) for v in value):
            raise ValueError(f"{entry.name} must be a list of texts")
        return tuple(value)
    if (
        isinstance(value, bool)
        or not isinstance(value, type(entry.default))
        or not isinstance(value, (int, str))
    ):
        raise ValueError(f"{entry.name} cannot be {value!r}")
    if facts.choices and value not in [choice for choice, _ in facts.choices]:
        raise ValueError(f"{entry.name} cannot be {value!r}")
    if facts.high and isinstance(value, int) and not facts.low <= value <= facts.high:
        raise ValueError(f"{entry.name} must lie between {facts.low} and {facts.high}")
    return value


_FIELDS: dict[str, Field[Any]] = {entry.name: entry for entry in fields(Settings)}
