"""(pixels, model, settings, progress) -> prediction."""
