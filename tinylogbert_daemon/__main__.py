"""``python -m tinylogbert_daemon`` is the console command ``tinylogbert``."""

import sys

from tinylogbert_daemon.cli import main

if __name__ == "__main__":
    sys.exit(main())
