"""The engine of Crackscope: cracks in photographs, found, corrected, stored and measured.

Law of the house: no Qt in here, nothing knows of the window. Values go in, values come out.
"""

import os

# OpenCV reads this once, when its library is loaded, so it must stand before anybody's first
# `import cv2`. A belt only: the reader checks sizes itself before it decodes anything.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", "200000000")

# torch's threads otherwise spin while they wait for each other: with a busy neighbour on two cores
# (the window is one) a prediction of 512 x 512 took 6 s instead of 0.7 s.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"
