"""How each network is trained: as published, and as it is trained here. Readable descriptions.

What a source leaves open, or what this program does otherwise, stands in `differs`. Facts are those
of models.md sections 1 to 5: papers, configurations and code of the origins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from crackcore.domain.model_spec import Preprocessing
from crackcore.errors import UnknownModel
from crackcore.models.catalogue import known_architecture
from crackcore.training.published_augmentation import CgnetCrop, CsbsrCrop, CssrCrop, LiuCrop, TipCrop
from crackcore.training.schedules import Constant, IterationSteps, Polynomial, Steps
from crackcore.training.settings import TrainSettings

Kind = Literal["published", "modern"]
KINDS: tuple[Kind, ...] = ("published", "modern")


@dataclass(frozen=True)
class Recipe:
    """A way to train one architecture.

    `preprocessing` None is that of the architecture; `input_scale` enlarges pictures when the model
    is used. `data` is what the origin trained on, `starts_from` where its weights began.
    """

    architecture: str
    kind: Kind
    settings: TrainSettings
    source: str
    data: str = ""
    starts_from: str = "nothing"
    differs: tuple[str, ...] = ()
    preprocessing: Preprocessing | None = None
    input_scale: float = 1.0

    def described(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "architecture": self.architecture,
            "recipe": self.kind,
            "source": self.source,
            "data": self.data,
            "starts_from": self.starts_from,
            "input_scale": self.input_scale,
            "differs": list(self.differs),
            "settings": self.settings.described(),
        }


_PLAIN: dict[str, Any] = {"average": 0.0, "clip_norm": 0.0, "crack_free_share": 0.0, "weak_share": 0.0}
"""What none of the published codes does: running means of weights, clipped gradients, sound pictures
drawn for themselves."""

_DRAWN = "pictures are drawn with replacement; a pass is as many draws as there are pictures"
_CHOICE = "checked and chosen by F1 at 2 px on held-out pictures, every 250 iterations"
_CHOSEN = (_CHOICE, _DRAWN)

PUBLISHED: dict[str, Recipe] = {
    "deepcrack_tip": Recipe(
        "deepcrack_tip",
        "published",
        TrainSettings(
            epochs=499,
            batch=8,
            learning_rate=1e-3,
            weight_decay=0.0,
            optimiser="adam",
            schedule=Constant(1e-3),
            criterion="deepcrack_tip",
            options={"again_divided_by": 8.0},
            augment=TipCrop(512, online=True),
            **_PLAIN,
        ),
        "qinnzou/DeepCrack, released code",
        data="CrackTree260 in 35,100 forms (9 rotations, 3 mirrorings, 5 crops)",
        differs=(
            *_CHOSEN,
            "the rotated forms are drawn at random, not stored; their geometry is ours (rotated_crops)",
            "the configured learning-rate decay is left out, as the released code leaves it out",
        ),
    ),
    "deepcrack_tip_paper": Recipe(
        "deepcrack_tip_paper",
        "published",
        TrainSettings(
            iterations=100_000,
            batch=2,
            learning_rate=1e-5,
            weight_decay=5e-4,
            optimiser="sgd",
            momentum=0.9,
            schedule=IterationSteps(1e-5),
            criterion="deepcrack_tip",
            options={"summed": True},
            augment=TipCrop(512, online=False),
            start="msra",
            **_PLAIN,
        ),
        "Zou et al., IEEE TIP 28(3), 2019",
        data="CrackTree260 in 35,100 forms (9 rotations, 3 mirrorings, 5 crops)",
        differs=(
            *_CHOSEN,
            "errors are summed over a picture, which a rate of 1e-5 takes for granted",
            "the rotated forms are drawn at random, not stored; their geometry is ours (rotated_crops)",
        ),
    ),
    "deepcrack_liu": Recipe(
        "deepcrack_liu",
        "published",
        TrainSettings(
            epochs=700,
            batch=1,
            learning_rate=1e-4,
            weight_decay=2e-4,
            optimiser="sgd",
            momentum=0.9,
            schedule=Steps(1e-4),
            criterion="deepcrack_liu",
            options={"mode": "focal"},
            augment=LiuCrop(256),
            start="liu",
            **_PLAIN,
        ),
        "yhlleo/DeepSegmentor, released script",
        data="DeepCrack-537, 300 training pictures",
        differs=_CHOSEN,
    ),
    "cgnet_m3n21": Recipe(
        "cgnet_m3n21",
        "published",
        TrainSettings(
            iterations=20_000,
            batch=16,
            learning_rate=1e-3,
            weight_decay=5e-4,
            optimiser="adam",
            schedule=Polynomial(1e-3, 20_000, 1e-4),
            criterion="softmax_pixels",
            weights=(5.0, 10.0),
            dice=0.0,
            augment=CgnetCrop(1024),
            validate_every=1000,
            **_PLAIN,
        ),
        "bhyun-kim/crack_gauge, configuration cgent_1024x1024; loss of mmsegmentation 1.1.1",
        data="DeepCrack-537, 300 training pictures",
        starts_from="a Cityscapes checkpoint of CGNet, where one is given with --start-from",
        differs=(
            "checked and chosen by F1 at 2 px on held-out pictures, every 1000 iterations",
            _DRAWN,
            "batch norm of one process, not of several GPUs",
        ),
        input_scale=2.0,
    ),
    "unet16": Recipe(
        "unet16",
        "published",
        TrainSettings(
            iterations=100_000,
            batch=6,
            learning_rate=1e-5,
            weight_decay=0.0,
            schedule=Constant(1e-5),
            criterion="segmentation",
            options={"kind": "bc2"},
            augment=CssrCrop(448),
            **_PLAIN,
        ),
        "Yuki-11/CSSR, comparison 2: segmentation of the sharp picture",
        data="khanhha's set, 95 % of its training pictures",
        starts_from="VGG-16 trained on ImageNet, where its file is there",
        differs=_CHOSEN,
    ),
    "pspnet": Recipe(
        "pspnet",
        "published",
        TrainSettings(
            iterations=100_000,
            batch=6,
            learning_rate=2e-5,
            weight_decay=0.0,
            schedule=Constant(2e-5),
            criterion="segmentation",
            options={"kind": "bc2"},
            augment=CsbsrCrop(448),
            **_PLAIN,
        ),
        "Yuki-11/CSBSR: segmentation of the sharp picture",
        data="khanhha's set, 95 % of its training pictures",
        starts_from="ResNet-34 trained on ImageNet, where its file is there",
        differs=(
            *_CHOSEN,
            "the length of this training was not read at its source; that of CSSR is taken",
        ),
    ),
    "cssr": Recipe(
        "cssr",
        "published",
        TrainSettings(
            iterations=100_000,
            batch=6,
            learning_rate=1e-5,
            weight_decay=0.0,
            schedule=Constant(1e-5),
            criterion="cssr",
            options={"beta": 0.3, "kind": "bc2"},
            augment=CssrCrop(448),
            **_PLAIN,
        ),
        "Yuki-11/CSSR, final configuration",
        data="khanhha's set, 95 % of its training pictures",
        starts_from="DBPN trained before, with --start-from; VGG-16 trained on ImageNet",
        differs=(*_CHOSEN, "masks are cut at half; there, grey edges of JPEG masks enter as part crack"),
    ),
    "csbsr": Recipe(
        "csbsr",
        "published",
        TrainSettings(
            iterations=700_000,
            batch=6,
            learning_rate=2e-5,
            weight_decay=0.0,
            schedule=Constant(2e-5),
            criterion="csbsr",
            options={"beta": 0.3, "kind": "bc2", "phases": (10_000, 20_000, 30_000)},
            augment=CsbsrCrop(224),
            validate_every=5000,
            **_PLAIN,
        ),
        "Yuki-11/CSBSR, released configuration",
        data="khanhha's set, 95 % of its training pictures",
        starts_from="KBPN trained before, with --start-from; ResNet-34 trained on ImageNet",
        differs=(
            "checked and chosen by F1 at 2 px on held-out pictures, every 5000 iterations",
            "masks are cut at half; there, grey edges of JPEG masks enter as part crack",
            _DRAWN,
            "checked on pictures that are reduced bilinearly, without blur",
        ),
    ),
}

_MODERN = "this program"
_ADAMW: dict[str, Any] = {"criterion": "modern", "optimiser": "adamw", "weight_decay": 1e-2}

MODERN: dict[str, TrainSettings] = {
    "cgnet_m3n21": TrainSettings(),
    # no norm layers of their own: with batch norm that is folded away
    "deepcrack_tip": TrainSettings(learning_rate=1e-3, warm_up=100, batch_norm=True, **_ADAMW),
    "unet16": TrainSettings(learning_rate=1e-3, warm_up=100, batch_norm=True, **_ADAMW),
    "cssr": TrainSettings(learning_rate=4e-4, warm_up=150, batch=4, batch_norm=True, **_ADAMW),
}
_OTHERS = TrainSettings(learning_rate=1e-3, warm_up=100, **_ADAMW)


def modern(architecture: str) -> TrainSettings:
    """The modern recipe: AdamW with warm-up and decay to almost 0, deep supervision by weighted cross
    entropy and Dice, a running mean of the weights. CGNet keeps its published loss beside Dice."""
    return MODERN.get(architecture, _OTHERS)


def recipe(architecture: str, kind: str = "modern") -> Recipe:
    """A recipe by the network's name and "published" or "modern".

    Raises UnknownModel where there is no such network or recipe: plug-ins have a modern one only,
    and networks that only enlarge have none, since they find no cracks.
    """
    facts = known_architecture(architecture)[0]
    there = tuple(k for k in KINDS if _has(facts.name, k)) if facts.finds_cracks else ()
    if kind not in there:
        raise UnknownModel(f"{facts.name}, {kind}", there, what="recipe")
    if kind == "published":
        return PUBLISHED[facts.name]
    return Recipe(facts.name, "modern", modern(facts.name), _MODERN)


def all_recipes() -> list[Recipe]:
    """Every recipe of the networks that ship, the published one of each before the modern one."""
    return [recipe(name, kind) for name in PUBLISHED for kind in KINDS]


def _has(name: str, kind: Kind) -> bool:
    return kind == "modern" or name in PUBLISHED
