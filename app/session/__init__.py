"""What is open: the project, the image being looked at, and whether everything is kept.

The law of the room: every finished step leaves for the disk lane at once; an answer that no longer
belongs to what is shown is dropped; a failure is a message, never a lost stroke.
"""

from app.session.session import Session

__all__ = ["Session"]
