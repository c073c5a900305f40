"""``python -m balent``: the command line where the package is a folder and not installed."""

from balent.cli import main

if __name__ == "__main__":
    main()
