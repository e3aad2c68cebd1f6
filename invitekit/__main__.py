"""Run the command line: ``python -m invitekit``."""

from invitekit.cli import main

if __name__ == "__main__":
    main()
