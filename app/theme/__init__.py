"""Looks: two palettes, icons that follow them, and the colours of data."""
