"""Leaves the lists over tasks out of files of `mamlrl evaluate --json`: `python docs/brief.py FILE...`."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from mamlrl.files import write_text


def main(arguments: Sequence[str] | None = None) -> None:
    """Rewrites files; the number of tasks takes the place of their parameters."""
    for file in map(Path, sys.argv[1:] if arguments is None else arguments):
        records = json.loads(file.read_text())
        for record in records:
            if isinstance(record["tasks"], list):
                record["tasks"] = len(record["tasks"])
            for row in record["steps"]:
                for key in ["returns", *(each for each in row if each.endswith("_tasks"))]:
                    row.pop(key, None)
        write_text(file, json.dumps(records, indent=1) + "\n")


if __name__ == "__main__":
    main()
