"""Starts the bridge where it is installed: `.venv/bin/bridge --demo`, or `.venv/bin/python -m bridge --demo`.

Runs app.py as if it had been named itself, and must import nothing before that which takes time: app.py has to set its
signals and to patch first.
"""

import os
import runpy

__all__ = ["main"]


def main() -> None:
    """Run app.py, which lies beside this file where a wheel is installed, beside the package in a checkout. Raises
    SystemExit."""
    package = os.path.dirname(os.path.realpath(__file__))
    found = [os.path.join(folder, "app.py") for folder in (package, os.path.dirname(package))]
    runpy.run_path(next(filter(os.path.exists, found)), run_name="__main__")


if __name__ == "__main__":
    main()
