"""Dialogs ask and return a value; none of them does anything else, and none blocks the event loop."""
