"""Shows a document and translates the mouse.

The law of the room: it shows arrays and says where the cursor is in the image; it decides nothing
about cracks. Tools do what a gesture means.

Why so: a plain widget draws only what its viewport shows, straight from the document's arrays. A
scene of graphics items brings its own transforms, item caches and repaint rules, and has to be
argued out of each of them to repaint just the few pixels under a dab. Here a repaint is a slice, a
colour table and a blit, whatever the size of the picture: see `tests/benchmarks/canvas.py`.
"""

from app.canvas.view import CanvasView
from app.canvas.viewport import Viewport

__all__ = ["CanvasView", "Viewport"]
