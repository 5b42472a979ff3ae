"""Starts the window: `python main.py [PROJECT or FOLDER or PICTURES...]`."""

import faulthandler
import sys

if __name__ == "__main__":
    if sys.stderr is not None:  # a windowed program on Windows has none
        faulthandler.enable()
    from multiprocessing import freeze_support

    freeze_support()
    from app.application import main

    sys.exit(main())
