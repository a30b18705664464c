"""Running code in a process that lacks some packages, as on another machine."""

import json
import subprocess
import sys

BLOCK = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {absent}:
            raise ModuleNotFoundError("No module named " + repr(name))
sys.meta_path.insert(0, Absent())
"""


def run_without(absent, code, *arguments):
    """Runs code with some arguments in an isolated process that lacks some packages; returns what it prints."""
    command = [sys.executable, "-I", "-W", "error", "-c", BLOCK.format(absent=set(absent)) + code]
    done = subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout else None
