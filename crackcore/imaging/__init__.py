"""Whatever the file, out comes an upright 8-bit RGB array, or one plain sentence why not.

Path to bytes (`file_bytes`), bytes to values (`decoding`, with `deep_tiff` for what Pillow would cut
to 8 bits), values to pixels (`depth`, `reading`) or classes (`mask_reading`). Nothing else in the
program decodes pictures, and no decoder ever sees a path.

Why so: decoders block on pipes, fill lost parts with grey or black, unpack 100 kB to gigabytes, turn
some formats upright and others not, and raise anything at all. Each of these is caught in one place,
so that window, export and training cannot disagree about a picture.
"""
