"""How good is it: arrays in, counts and curves out."""
