"""Where the tests find the repository and their own sample files."""

from pathlib import Path

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent
SAMPLES = TESTS / "samples"  # small blogs of other generators
RELEASES = TESTS / "releases"  # databases that earlier releases wrote
