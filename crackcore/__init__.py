"""The engine of Crackscope: cracks in photographs, found, corrected, stored and measured.

Law of the house: no Qt in here, nothing knows of the window. Values go in, values come out.
"""

import os

# OpenCV reads this once, when its library is loaded, so it must stand before anybody's first
# `import cv2`. A belt only: the reader checks sizes itself before it decodes anything.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", "200000000")

# torch's threads otherwise spin while they wait for each other. On two idle cores that is 1.5 times
# faster (0.36 against 0.52 s a megapixel, cgnet-open); with one busy neighbour, as the window or
# another program is, it is 2 to 10 times slower. A calm machine matters more here.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"
