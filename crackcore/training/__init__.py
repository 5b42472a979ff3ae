"""A folder in, a model file and a log out."""
