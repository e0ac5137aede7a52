"""What ``%load_ext codeface_jupyter`` costs beyond IPython itself. Goal: well under 0.3 s."""

from __future__ import annotations

import argparse
import subprocess
import sys

from reporting import describe_machine, spread

CODE = """
import time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
begin = time.perf_counter()
shell.run_line_magic("load_ext", "codeface_jupyter")
print(time.perf_counter() - begin)
"""


def measure() -> float:
    """Return seconds in a fresh process."""
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    args = parser.parse_args()
    measure()  # the first run compiles
    values = [measure() for _ in range(args.runs)]
    print(describe_machine("ipython"))
    print(f"%load_ext codeface_jupyter, s: {spread(values, digits=3)}")


if __name__ == "__main__":
    main()
