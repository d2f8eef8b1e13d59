"""``python -m vidcache`` is the command ``vidcache``."""

from vidcache.cli import main

if __name__ == "__main__":
    main()
