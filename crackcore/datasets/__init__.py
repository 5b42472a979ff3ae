"""Data sets: photographs with masks that somebody drew, in any of the published layouts.

`read_dataset` recognises a folder, a list of pairs or a project and lists its samples; `mask_rule` says
which mask values were taken for crack; `read_sample` gives pixels and classes. Splits go by source
photo, and `find_leaks` tells when two sides, or two sets, show the same thing.

Why so: what looks like a data set is often another one. A folder of surface masks passes for labels,
0/1 masks pass for empty ones, CrackForest's regions fill whole slabs, a list names the disk of its
author, and a published split holds one picture on both sides. Each of these trains a network without
a word. So layouts are recognised by what they must hold, values are counted over the whole set before
they are given a meaning, and whatever is not certain is asked or refused by name.
"""

from crackcore.datasets.dataset import Dataset, LoadedSample, Problem, Sample
from crackcore.datasets.reading import KINDS, mask_rule, read_dataset, read_sample

__all__ = [
    "KINDS",
    "Dataset",
    "LoadedSample",
    "Problem",
    "Sample",
    "mask_rule",
    "read_dataset",
    "read_sample",
]
