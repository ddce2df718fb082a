"""`python -m standby` is `standby`."""

from standby.cli import main

main()
