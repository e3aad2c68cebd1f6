"""``python -m invitekit``: the command line."""

from invitekit.cli import main

main()
