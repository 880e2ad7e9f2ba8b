"""``python -m onebox.cli``."""

from onebox.cli import main

main()
