"""Values in, files out; nothing is computed here."""
