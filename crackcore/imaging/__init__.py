"""Whatever the file, out comes an upright 8-bit RGB array."""
