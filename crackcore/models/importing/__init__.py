"""Weights that others published, turned into model files of ours. (No torch in this file.)

A foreign checkpoint is read once, in a child process whose memory and time are bounded; nothing in
it is run, neither there nor here. What comes out is a .safetensors file with its description.
"""

from crackcore.models.importing.asking import ImportReport as ImportReport
from crackcore.models.importing.asking import import_model as import_model
from crackcore.models.importing.asking import inspect_checkpoint as inspect_checkpoint
