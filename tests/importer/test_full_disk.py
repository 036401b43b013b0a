"""An import that cannot go on ends with one sentence, and can be gone on with."""

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
    """Thirty posts, so that two helpers share them, each with a picture that needs room."""
    folder = tmp_path / "old"
    folder.mkdir()
    for number in range(30):
        noise = Image.effect_noise((300, 300), 90 + number)
        noise.save(folder / f"{number}.png")
        text = f"---\ntitle: Post {number}\n---\n\n![]({number}.png)\n\n" + "words " * 2000
        (folder / f"{number}.md").write_text(text)
    return folder


def move_in(environment: dict[str, str], old: Path, room: int) -> subprocess.CompletedProcess[str]:
    """`blog import` where no file may grow beyond `room` bytes, as on a disk that is full."""
    return subprocess.run(
        [sys.executable, "-m", "blog", "import", str(old)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)),
    )


@pytest.mark.parametrize("room", [50_000, 1_500_000])
def test_a_full_disk_ends_an_import_with_one_sentence(config: Config, environment, old, room):
    from blog.server import startup

    startup.prepare(config)
    done = move_in(environment, old, room)
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert "Moving in stopped" in done.stderr
    after = move_in(environment, old, 1 << 40)
    assert after.returncode == 0, after.stderr
