"""docs/explanation/cost-model.md: printed from the formulas."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_page_has_the_formulas_that_price():
    """A reader would learn another formula than the one that prices, or miss a new one."""
    command = [sys.executable, ROOT / "tools" / "regenerate.py", "cost-model", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
