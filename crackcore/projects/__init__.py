"""The project file. The only room that speaks HDF5: open, do, close.

FORMAT.md is the law of the file; `store.ProjectStore` is the door of the room.

Why so
------
- The last save is one file that is only ever replaced whole, and every change since is one frame in
  a journal: so a stroke costs one write and one sync, and a kill or a power cut at any moment
  leaves the save, and all strokes that were acknowledged.
- The HDF5 library only ever sees memory or a file opened for reading. With a full disk it ends the
  process, and a kill while it writes leaves a file that does not open.
- Records of all images are one piece of JSON, so that ten thousand of them open in a fifth of a
  second; a group is made only for images for which there is something to keep.
- What waits for the next save is a list of patches and places in the journal, not arrays: three
  hundred new predictions of 12 megapixels would otherwise be 3.6 GB.
- The journal numbers frames within a random id that the file's header repeats. So a copy, an older
  file put back by hand, or another computer's save never gets steps that do not belong to it.
- The order of locks, checks and names is in `opening`, and what each costs is tested by cutting the
  power after every call (`tests/crackcore/projects/test_projects_power_cut.py`).
"""
