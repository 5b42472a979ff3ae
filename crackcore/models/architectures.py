"""What is known about every architecture before any weights are there. (No torch in this file.)

One row a network: who published it, what its `forward` returns and in which order, which of those
maps is the crack score, what its origin did to pictures before. Figures (parameters, GFLOP) are
those of the network with its default arguments; a test computes them again.
"""

from __future__ import annotations

from dataclasses import dataclass

from crackcore.domain.model_spec import ModelSpec, Preprocessing


@dataclass(frozen=True)
class Map:
    """One output of a network that a person may want to look at."""

    name: str
    title: str
    kind: str = "logit"  # logit | probability | picture (RGB 0..1)


@dataclass(frozen=True)
class Architecture:
    """A network as published.

    `outputs` names what `forward` returns, in order; one name means one tensor, none means unknown
    (a plug-in's). `score` is the one that holds the crack score, "" for a network that finds no
    cracks by itself (super-resolution alone). `activation` turns it into 0..1, as in `ModelSpec`.
    `multiple_px` and `minimum_px` are the sides the origin accepts; ours take any size.
    `output_scale` is how many pixels of the map lie along one pixel of the photo.
    """

    name: str
    entry: str  # "module:function"
    title: str = ""
    good_for: str = ""
    paper: str = ""
    outputs: tuple[str, ...] = ()
    score: str = ""
    activation: str = "softmax"
    maps: tuple[Map, ...] = ()
    preprocessing: Preprocessing = Preprocessing()
    multiple_px: int = 1
    minimum_px: int = 1
    output_scale: int = 1
    has_width: bool = False
    parameters: int = 0
    gflop_512: float = 0.0  # one input of 512 x 512 photo pixels, multiply and add counted as two

    @property
    def finds_cracks(self) -> bool:
        return self.score != "" or not self.outputs

    @property
    def speed(self) -> str:
        """A word for people: light, medium, heavy; empty when the work is not known."""
        return speed_of(self.gflop_512)

    def speed_with(self, spec: ModelSpec) -> str:
        """The same for a model: with fewer channels, or pictures enlarged before the network sees them."""
        width = spec.arguments.get("width", 1.0)
        share = float(width) ** 2 if self.has_width and isinstance(width, (int, float)) else 1.0
        return speed_of(self.gflop_512 * share * spec.preprocessing.input_scale**2)


def speed_of(gflop_512: float) -> str:
    """light, medium or heavy; empty for 0, where the work is not known."""
    if not gflop_512:
        return ""
    return "light" if gflop_512 < 20 else "medium" if gflop_512 < 150 else "heavy"


_UNIT = 1.0 / 255.0
_IMAGENET = Preprocessing(scale=_UNIT, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))

_TIP_MAPS = (
    Map("output", "Result"),
    *(Map(f"fuse{k}", f"Scale {k} of 5") for k in (1, 2, 3, 4, 5)),
)

OWN: tuple[Architecture, ...] = (
    Architecture(
        "cgnet_m3n21",
        "crackcore.models.cgnet:build",
        title="CGNet",
        good_for="Quick first look at large sets; thin and medium cracks on concrete and asphalt.",
        paper="Wu et al., CGNet, IEEE TIP 30 (2021); M3N21 as configured by crack_gauge",
        outputs=("logits_full",),
        score="logits_full",
        activation="softmax",
        maps=(Map("logits_full", "Result"),),
        preprocessing=Preprocessing(mean=(72.39239876, 82.90891754, 73.15835921)),
        parameters=491_956,
        gflop_512=6.7,
    ),
    Architecture(
        "deepcrack_tip",
        "crackcore.models.deepcrack_tip:build",
        title="DeepCrack (Zou 2019)",
        good_for="Thin cracks in pavement, where precise lines matter more than time.",
        paper="Zou et al., DeepCrack, IEEE TIP 28(3) (2019); released PyTorch network",
        outputs=("output", "fuse5", "fuse4", "fuse3", "fuse2", "fuse1"),
        score="output",
        activation="sigmoid",
        maps=_TIP_MAPS,
        preprocessing=Preprocessing(channel_order="BGR", scale=_UNIT),
        multiple_px=16,
        minimum_px=32,
        has_width=True,
        parameters=30_905_011,
        gflop_512=1094.4,
    ),
    Architecture(
        "deepcrack_tip_paper",
        "crackcore.models.deepcrack_tip_paper:build",
        title="DeepCrack (Zou 2019, as in the paper)",
        good_for="The network of the paper, with batch norm; for training from scratch.",
        paper="Zou et al., DeepCrack, IEEE TIP 28(3) (2019), section III",
        outputs=("output", "fuse5", "fuse4", "fuse3", "fuse2", "fuse1"),
        score="output",
        activation="sigmoid",
        maps=_TIP_MAPS,
        preprocessing=Preprocessing(channel_order="BGR", scale=_UNIT),
        has_width=True,
        parameters=31_207_388,
        gflop_512=371.5,
    ),
    Architecture(
        "deepcrack_liu",
        "crackcore.models.deepcrack_liu:build",
        title="DeepCrack (Liu 2019)",
        good_for="Cracks at their full width; side outputs and edge-true refinement.",
        paper="Liu et al., DeepCrack, Neurocomputing 338 (2019); released PyTorch network",
        outputs=("side1", "side2", "side3", "side4", "side5", "fused"),
        score="fused",
        activation="sigmoid",
        maps=(Map("fused", "Fused"), *(Map(f"side{k}", f"Side output {k}") for k in (1, 2, 3, 4, 5))),
        preprocessing=Preprocessing(scale=_UNIT, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
        multiple_px=1,
        minimum_px=16,
        has_width=True,
        parameters=14_720_389,
        gflop_512=160.4,
    ),
    Architecture(
        "unet16",
        "crackcore.models.unet16:build",
        title="U-Net with VGG-16",
        good_for="A strong general baseline.",
        paper="U-Net of CSSR (Kondo & Ukita, MVA 2021), VGG-16 encoder",
        outputs=("prob", "logit"),
        score="logit",
        activation="sigmoid",
        maps=(Map("logit", "Result"),),
        preprocessing=_IMAGENET,
        multiple_px=16,
        minimum_px=16,
        has_width=True,
        parameters=29_500_033,
        gflop_512=402.0,
    ),
    Architecture(
        "pspnet",
        "crackcore.models.pspnet:build",
        title="PSPNet at 448",
        good_for="Whole scenes: uses the surroundings, few false marks.",
        paper="Zhao et al., PSPNet, CVPR 2017; ResNet-34 version of CSSR and CSBSR",
        outputs=("prob", "aux_prob", "aux_logit_low", "logit"),
        score="logit",
        activation="sigmoid",
        maps=(Map("logit", "Result"), Map("aux_prob", "Auxiliary branch", "probability")),
        preprocessing=_IMAGENET,
        multiple_px=8,
        minimum_px=8,
        has_width=True,
        parameters=28_091_141,
        gflop_512=323.1,
    ),
    Architecture(
        "dbpn",
        "crackcore.models.dbpn:build",
        title="DBPN super-resolution",
        good_for="Enlarges a photo four times; finds no cracks by itself.",
        paper="Haris et al., DBPN, CVPR 2018; six-stage version of CSSR",
        outputs=("sr",),
        activation="none",
        maps=(Map("sr", "Enlarged picture", "picture"),),
        preprocessing=Preprocessing(scale=_UNIT),
        output_scale=4,
        has_width=True,
        parameters=8_802_094,
        gflop_512=5145.8,
    ),
    Architecture(
        "kbpn",
        "crackcore.models.kbpn:build",
        title="KBPN blind super-resolution",
        good_for="Enlarges a blurred photo four times and estimates its blur; finds no cracks by itself.",
        paper="Kondo & Ukita, CSBSR, IEEE TIM 73 (2024)",
        outputs=("sr", "residual", "kernel", "init_kernel"),
        activation="none",
        maps=(Map("sr", "Enlarged picture", "picture"),),
        preprocessing=Preprocessing(scale=_UNIT),
        output_scale=4,
        has_width=True,
        parameters=61_158_563,
        gflop_512=41962.2,
    ),
    Architecture(
        "cssr",
        "crackcore.models.cssr:build",
        title="CSSR (x4)",
        good_for="Low-resolution photos: enlarges them four times and finds cracks there.",
        paper="Kondo & Ukita, Crack Segmentation for Low-Resolution Images, MVA 2021",
        outputs=("sr_raw", "sr", "prob", "logit"),
        score="logit",
        activation="sigmoid",
        maps=(Map("logit", "Result"), Map("sr", "Enlarged picture", "picture")),
        preprocessing=Preprocessing(scale=_UNIT),
        multiple_px=4,
        minimum_px=4,
        output_scale=4,
        has_width=True,
        parameters=38_302_127,
        gflop_512=11577.2,
    ),
    Architecture(
        "csbsr",
        "crackcore.models.csbsr:build",
        title="CSBSR (blind, x4)",
        good_for="Low-resolution and blurred photos: estimates the blur, enlarges four times, finds cracks.",
        paper="Kondo & Ukita, CSBSR, IEEE TIM 73 (2024)",
        outputs=("sr_raw", "sr", "prob", "logit", "kernel"),
        score="logit",
        activation="sigmoid",
        maps=(Map("logit", "Result"), Map("sr", "Enlarged picture", "picture")),
        preprocessing=Preprocessing(scale=_UNIT),
        multiple_px=2,
        minimum_px=2,
        output_scale=4,
        has_width=True,
        parameters=89_249_704,
        gflop_512=47132.2,
    ),
)
