"""``python -m sparky_nb.cli`` is ``sparky``."""

from sparky_nb.cli import main

main()
