"""How each network is trained here: one named, readable description per architecture."""

from __future__ import annotations

from crackcore.training.run import TrainSettings

MODERN: dict[str, TrainSettings] = {
    "cgnet_m3n21": TrainSettings(),
    # no norm layers: a lower rate, reached slowly
    "deepcrack_tip": TrainSettings(
        criterion="modern", optimiser="adamw", learning_rate=5e-4, weight_decay=1e-2, warm_up=150
    ),
    "cssr": TrainSettings(
        criterion="modern", optimiser="adamw", learning_rate=4e-4, weight_decay=1e-2, warm_up=150, batch=4
    ),
}
_OTHERS = TrainSettings(
    criterion="modern", optimiser="adamw", learning_rate=1e-3, weight_decay=1e-2, warm_up=100
)


def modern(architecture: str) -> TrainSettings:
    """The modern recipe: AdamW with warm-up and decay to almost 0, deep supervision by weighted cross
    entropy and Dice, a running mean of the weights. CGNet keeps its published loss beside Dice."""
    return MODERN.get(architecture, _OTHERS)
