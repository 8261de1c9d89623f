"""``python -m fractura.cli`` is the command ``fractura``."""

from fractura.cli import main

main()
