"""`python -m restore_tester` is `restore-tester`."""

from restore_tester.cli.app import main

main()
