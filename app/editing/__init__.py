"""Tools: gestures in image coordinates become engine calls and, at their end, one step of undo.

The law of the room: a tool knows no widget and no mouse. Points are (y, x) in pixels of the image,
pixel centres at whole numbers; the canvas does the translation and draws what a tool previews.
"""

from app.editing.tool import Tool, ToolKey
from app.editing.toolbox import ToolBox

__all__ = ["Tool", "ToolBox", "ToolKey"]
