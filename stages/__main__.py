"""`python -m stages` is the command `stepwell`."""

from stages.app import main

main()
