"""Static files: laid out whole, under a name that changes with them, and found again."""

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
class House(Config):
    """A configuration whose static files lie where the test has put them."""

    folders: dict[str, Path] = field(default_factory=dict)

    @property
    def static_dirs(self) -> dict[str, Path]:
        return self.folders


@pytest.fixture
def house(tmp_path):
    site, desk = tmp_path / "site", tmp_path / "desk"
    write(site / "css/site.css", "body { color: black }\n" * 40)
    write(site / "img/dot.png", "not really a picture")
    write(desk / "editor.js", "import './keys.js';\n" * 40)
    write(desk / "keys.js", "export {};\n")
    return House(data_dir=tmp_path / "data", folders={"": site, "control_panel": desk})


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def layouts(house: House) -> set[str]:
    return {path.name for path in (house.data_dir / "static").iterdir()}


def test_a_file_has_an_address_that_finds_it_again(house):
    statics = collect(house)
    address = statics.url("control_panel/editor.js")
    assert address == f"/static/{statics.hash}/control_panel/editor.js"
    found = statics.find(address.removeprefix("/static/"))
    assert found.body == (house.static_dirs["control_panel"] / "editor.js").read_bytes()
    assert (found.type, found.encoding) == ("text/javascript; charset=utf-8", None)


def test_a_misspelt_file_is_refused_at_once(house):
    with pytest.raises(NoSuchStatic, match="css/siet.css"):
        collect(house).url("css/siet.css")


def test_nothing_but_what_was_laid_can_be_asked_for(house):
    statics = collect(house)
    (house.data_dir / "secret").write_text("hush")
    asked = ("", statics.hash, "../secret", f"{statics.hash}/../../secret", "css/site.css")
    assert [statics.find(path) for path in asked] == [None] * len(asked)


def test_gzip_goes_to_those_who_take_it_and_only_where_it_saves_something(house):
    statics = collect(house)
    packed = statics.find(f"{statics.hash}/css/site.css", accept_gzip=True)
    assert packed.encoding == "gzip"
    assert gzip.decompress(packed.body) == statics.find(f"{statics.hash}/css/site.css").body
    assert statics.find(f"{statics.hash}/img/dot.png", accept_gzip=True).encoding is None
    assert statics.find(f"{statics.hash}/control_panel/keys.js", accept_gzip=True).encoding is None


def test_the_layout_on_disk_is_what_nginx_needs(house):
    target = house.data_dir / "static" / collect(house).hash
    names = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    assert names == {
        "css/site.css",
        "css/site.css.gz",
        "img/dot.png",
        "control_panel/editor.js",
        "control_panel/editor.js.gz",
        "control_panel/keys.js",
    }


def test_the_same_files_have_the_same_hash_and_are_not_written_again(house):
    first = collect(house)
    laid = house.data_dir / "static" / first.hash / "css/site.css"
    before = laid.stat().st_ino
    assert collect(house).hash == first.hash
    assert laid.stat().st_ino == before


def test_one_changed_byte_or_name_changes_the_hash(house):
    hashes = {collect(house).hash}
    write(house.static_dirs[""] / "css/site.css", "body { color: navy }\n")
    hashes.add(collect(house).hash)
    (house.static_dirs[""] / "css/site.css").rename(house.static_dirs[""] / "css/other.css")
    hashes.add(collect(house).hash)
    assert len(hashes) == 3


def test_pages_kept_elsewhere_still_find_the_files_of_the_last_layouts(house):
    first = collect(house)
    write(house.static_dirs[""] / "css/site.css", "body { color: navy }\n")
    second = collect(house)
    old = second.find(f"{first.hash}/css/site.css")
    assert old.body != second.find(f"{second.hash}/css/site.css").body


def test_only_the_newest_layouts_are_kept(house):
    made = []
    for number in range(KEPT + 2):
        write(house.static_dirs[""] / "css/site.css", f"body {{ order: {number} }}\n")
        made.append(collect(house).hash)
        os.utime(house.data_dir / "static" / made[-1], (number, number))
    assert layouts(house) == set(made[-KEPT:])


def test_a_damaged_layout_is_laid_anew(house):
    statics = collect(house)
    for damaged in ("css/site.css", "css/site.css.gz"):
        path = house.data_dir / "static" / statics.hash / damaged
        path.write_bytes(path.read_bytes()[:10])
        again = collect(house)
        assert again.find(f"{statics.hash}/css/site.css").body.endswith(b"}\n")
        assert gzip.decompress(again.find(f"{statics.hash}/css/site.css", True).body)
    assert layouts(house) == {statics.hash}


def test_what_a_crash_left_behind_is_swept_but_not_what_another_is_writing(house):
    root = house.data_dir / "static"
    write(root / ".new-dead/css/site.css", "half")
    write(root / ".new-busy/css/site.css", "half")
    os.utime(root / ".new-dead", (1, 1))
    statics = collect(house)
    assert layouts(house) == {statics.hash, ".new-busy"}


def test_two_files_cannot_claim_one_name(house):
    write(house.static_dirs[""] / "control_panel/editor.js", "another")
    with pytest.raises(ValueError, match="control_panel/editor.js"):
        collect(house)


def test_hidden_files_stay_at_home(house):
    write(house.static_dirs[""] / ".DS_Store", "x")
    write(house.static_dirs[""] / "css/.site.css.swp", "x")
    assert collect(house).names == {
        "css/site.css",
        "img/dot.png",
        "control_panel/editor.js",
        "control_panel/keys.js",
    }


@pytest.mark.slow
def test_many_processes_at_once_agree_and_leave_nothing_behind(house):
    with ProcessPoolExecutor(8, mp_context=get_context("spawn")) as pool:
        made: list[Statics] = list(pool.map(collect, [house] * 16))
    assert len({statics.hash for statics in made}) == 1
    assert layouts(house) == {made[0].hash}
    assert all(statics.files == made[0].files for statics in made)
