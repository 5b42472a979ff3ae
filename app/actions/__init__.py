"""Everything the user can ask for, as rows of a table, and the few lines each one runs.

Menus, tool strip, shortcut sheet and command palette are made from the same rows.
"""
