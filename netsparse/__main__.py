"""``python -m netsparse`` is the command ``netsparse``."""

from netsparse.cli import main

if __name__ == "__main__":
    main()
