"""Tests that an import on a full disk stops with one sentence and can be continued."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from blog.config import Config

pytestmark = pytest.mark.slow


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Create thirty posts, enough for two sandboxes, each with a picture."""
    folder = tmp_path / "old"
    folder.mkdir()
    for number in range(30):
        noise = Image.effect_noise((300, 300), 90 + number)
        noise.save(folder / f"{number}.png")
        text = f"---\ntitle: Post {number}\n---\n\n![]({number}.png)\n\n" + "words " * 2000
        (folder / f"{number}.md").write_text(text)
    return folder


def run_import(
    environment: dict[str, str], old: Path, max_size: int
) -> subprocess.CompletedProcess[str]:
    """Run `blog import` with a limit of `max_size` bytes per file, as if the disk were full."""
    return subprocess.run(
        [sys.executable, "-m", "blog", "import", str(old)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (max_size, max_size)),
    )


@pytest.mark.parametrize("max_size", [50_000, 1_500_000])
def test_a_full_disk_stops_an_import_with_one_sentence(config: Config, environment, old, max_size):
    from blog.server import startup

    startup.prepare(config)
    result = run_import(environment, old, max_size)
    assert result.returncode == 1
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    assert "The import stopped" in result.stderr
    retry = run_import(environment, old, 1 << 40)
    assert retry.returncode == 0, retry.stderr
