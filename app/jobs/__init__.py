"""Work off the GUI thread: a request (frozen values), the call into the engine, nothing more.

Why so: lanes, each the only owner of something. The GUI thread owns every QObject, document
and mask; `device` (one thread) owns torch; `disk` (one thread) owns the project file and its
journal, because HDF5 has one lock for the whole process and the window must never stand in that
queue; `cpu` (three threads) owns nothing; `training` (one thread) waits for the child process that
trains. No lane waits for another.
"""

from app.jobs.job import Job
from app.jobs.lane import Lane, Lanes

__all__ = ["Job", "Lane", "Lanes"]
