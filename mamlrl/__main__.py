"""`python -m mamlrl` is the command `mamlrl`."""

import sys

from mamlrl.scripts.main import main

if __name__ == "__main__":
    sys.exit(main())
