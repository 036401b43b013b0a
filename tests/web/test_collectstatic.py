"""Collecting static files: complete layouts named after their content, and lookup by URL."""

import gzip
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

import pytest

from blog.config import Config
from blog.web.collectstatic import KEPT, NoSuchStatic, Statics, collect


@dataclass(frozen=True)
class StaticConfig(Config):
    """A configuration with the static folders of the test."""

    folders: dict[str, Path] = field(default_factory=dict)

    @property
    def static_dirs(self) -> dict[str, Path]:
        return self.folders


@pytest.fixture
def config(tmp_path):
    site, dashboard = tmp_path / "site", tmp_path / "dashboard"
    write(site / "css/site.css", "body { color: black }\n" * 40)
    write(site / "img/dot.png", "not really a picture")
    write(dashboard / "editor.js", "import './keys.js';\n" * 40)
    write(dashboard / "keys.js", "export {};\n")
    return StaticConfig(data_dir=tmp_path / "data", folders={"": site, "control_panel": dashboard})


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def layouts(config: StaticConfig) -> set[str]:
    return {path.name for path in (config.data_dir / "static").iterdir()}


def test_a_file_is_found_by_its_url(config):
    statics = collect(config)
    address = statics.url("control_panel/editor.js")
    assert address == f"/static/{statics.hash}/control_panel/editor.js"
    file = statics.find(address.removeprefix("/static/"))
    assert file.body == (config.static_dirs["control_panel"] / "editor.js").read_bytes()
    assert (file.type, file.encoding) == ("text/javascript; charset=utf-8", None)


def test_a_misspelt_file_name_raises_an_error(config):
    with pytest.raises(NoSuchStatic, match="css/siet.css"):
        collect(config).url("css/siet.css")


def test_only_collected_files_are_served(config):
    statics = collect(config)
    (config.data_dir / "secret").write_text("hush")
    paths = ("", statics.hash, "../secret", f"{statics.hash}/../../secret", "css/site.css")
    assert [statics.find(path) for path in paths] == [None] * len(paths)


def test_a_file_is_compressed_only_if_accepted_and_smaller(config):
    statics = collect(config)
    compressed = statics.find(f"{statics.hash}/css/site.css", accept_gzip=True)
    assert compressed.encoding == "gzip"
    assert gzip.decompress(compressed.body) == statics.find(f"{statics.hash}/css/site.css").body
    assert statics.find(f"{statics.hash}/img/dot.png", accept_gzip=True).encoding is None
    assert statics.find(f"{statics.hash}/control_panel/keys.js", accept_gzip=True).encoding is None


def test_the_layout_on_disk_has_the_compressed_files_for_nginx(config):
    target = config.data_dir / "static" / collect(config).hash
    names = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    assert names == {
        "css/site.css",
        "css/site.css.gz",
        "img/dot.png",
        "control_panel/editor.js",
        "control_panel/editor.js.gz",
        "control_panel/keys.js",
    }


def test_the_same_files_have_the_same_hash_and_are_not_written_again(config):
    first = collect(config)
    file = config.data_dir / "static" / first.hash / "css/site.css"
    before = file.stat().st_ino
    assert collect(config).hash == first.hash
    assert file.stat().st_ino == before


def test_one_changed_byte_or_name_changes_the_hash(config):
    hashes = {collect(config).hash}
    write(config.static_dirs[""] / "css/site.css", "body { color: navy }\n")
    hashes.add(collect(config).hash)
    (config.static_dirs[""] / "css/site.css").rename(config.static_dirs[""] / "css/other.css")
    hashes.add(collect(config).hash)
    assert len(hashes) == 3


def test_files_of_older_layouts_are_still_served(config):
    first = collect(config)
    write(config.static_dirs[""] / "css/site.css", "body { color: navy }\n")
    second = collect(config)
    old = second.find(f"{first.hash}/css/site.css")
    assert old.body != second.find(f"{second.hash}/css/site.css").body


def test_only_the_newest_layouts_are_kept(config):
    made = []
    for number in range(KEPT + 2):
        write(config.static_dirs[""] / "css/site.css", f"body {{ order: {number} }}\n")
        made.append(collect(config).hash)
        os.utime(config.data_dir / "static" / made[-1], (number, number))
    assert layouts(config) == set(made[-KEPT:])


def test_a_damaged_layout_is_written_again(config):
    statics = collect(config)
    for damaged in ("css/site.css", "css/site.css.gz"):
        path = config.data_dir / "static" / statics.hash / damaged
        path.write_bytes(path.read_bytes()[:10])
        again = collect(config)
        assert again.find(f"{statics.hash}/css/site.css").body.endswith(b"}\n")
        assert gzip.decompress(again.find(f"{statics.hash}/css/site.css", True).body)
    assert layouts(config) == {statics.hash}


def test_leftovers_of_a_crash_are_deleted_but_not_a_layout_being_written(config):
    root = config.data_dir / "static"
    write(root / ".new-dead/css/site.css", "half")
    write(root / ".new-busy/css/site.css", "half")
    os.utime(root / ".new-dead", (1, 1))
    statics = collect(config)
    assert layouts(config) == {statics.hash, ".new-busy"}


def test_two_files_with_the_same_name_raise_an_error(config):
    write(config.static_dirs[""] / "control_panel/editor.js", "another")
    with pytest.raises(ValueError, match="control_panel/editor.js"):
        collect(config)


def test_hidden_files_are_not_collected(config):
    write(config.static_dirs[""] / ".DS_Store", "x")
    write(config.static_dirs[""] / "css/.site.css.swp", "x")
    assert collect(config).names == {
        "css/site.css",
        "img/dot.png",
        "control_panel/editor.js",
        "control_panel/keys.js",
    }


@pytest.mark.slow
def test_simultaneous_processes_write_one_layout_and_no_leftovers(config):
    with ProcessPoolExecutor(8, mp_context=get_context("spawn")) as pool:
        made: list[Statics] = list(pool.map(collect, [config] * 16))
    assert len({statics.hash for statics in made}) == 1
    assert layouts(config) == {made[0].hash}
    assert all(statics.files == made[0].files for statics in made)
