"""Names and numbers of the project file; FORMAT.md says what they mean."""

from __future__ import annotations

import re

FORMAT = "crack-project"
FORMAT_VERSION = 2
"""The newest format this program reads."""
PLAIN_VERSION = 1
"""What it writes while every image has its planes in photo pixels: older programs read that as well."""
SUFFIX = ".crackscope"

# Attributes of the root
FORMAT_ATTRIBUTE = "format"
VERSION_ATTRIBUTE = "format_version"
UUID_ATTRIBUTE = "uuid"
REVISION_ATTRIBUTE = "revision"
CREATED_ATTRIBUTE = "created_utc"
MODIFIED_ATTRIBUTE = "modified_utc"
PROGRAM_ATTRIBUTE = "program"
PROGRAM_VERSION_ATTRIBUTE = "program_version"

# Objects
PROJECT = "project"
RECORDS = "records"
HISTORY = "history"
IMAGES = "images"
OWN_OBJECTS = frozenset({PROJECT, RECORDS, HISTORY, IMAGES})

# Planes of one image
MASK = "mask"
BY_HAND = "by_hand"
SCORE = "score"
FROZEN = "frozen"
PLANES = (MASK, BY_HAND, SCORE, FROZEN)

CHUNK_PX = 512
"""Side of a stored piece of a plane. 512² packs well and reads a screenful in a few pieces."""

IMAGE_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
MAX_SIDE_PX = 65_535
MAX_PIXELS = 2_000_000_000
MAX_JSON_BYTES = 512 << 20
MAX_IMAGES = 1_000_000

LIBVER = ("v110", "v114")
"""Checksummed metadata (superblock 3), readable by every HDF5 since 1.10."""

HISTORY_FIELDS = [
    ("when", "S32"),
    ("program", "S24"),
    ("version", "S24"),
    ("what", "S32"),
    ("details", "S256"),
]
