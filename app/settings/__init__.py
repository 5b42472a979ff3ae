"""What the user may adjust: a table of values, and the deviations from it on disk.

Not for work: pictures, masks and where one was looking belong to the project.
"""
