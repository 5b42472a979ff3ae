"""Parts of the window: each shows the session or a value and says what the user wants of it.

A panel knows neither the canvas nor another panel; they meet in the session, or in the window.
"""
