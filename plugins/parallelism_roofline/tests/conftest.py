"""The way to the helpers of these tests, which ``--import-mode=importlib`` does not open."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
