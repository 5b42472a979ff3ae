"""The engine of Crackscope: cracks in photographs, found, corrected, stored and measured.

Law of the house: no Qt in here, nothing knows of the window. Values go in, values come out.
"""

__version__ = "0.1.0"
