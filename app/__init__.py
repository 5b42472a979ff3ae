"""The window: shows what the engine says, and only here lives Qt."""
