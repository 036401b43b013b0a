"""Uploaded pictures: re-encoded by the sandbox, written to disk and removed; their file names."""

import asyncio
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from blog import media
from blog.config import Config
from blog.models.base import Refusal
from blog.sandbox import Sandbox


@pytest.fixture
def config(tmp_path):
    return Config(data_dir=tmp_path)


def plain(size: tuple[int, int], format: str, mode: str = "RGB") -> bytes:
    """Return the bytes of a picture of one colour."""
    out = BytesIO()
    Image.new(mode, size, 1).save(out, format)
    return out.getvalue()


async def test_a_picture_is_re_encoded_and_written_to_disk(config):
    raw = plain((1500, 700), "JPEG")
    async with Sandbox(config) as sandbox:
        picture = await sandbox.picture(raw, "holiday.jpg")
        assert await sandbox.picture(raw, "again.jpg") == picture
    assert (picture.width, picture.height, picture.type) == (1500, 700, "image/jpeg")
    address = await media.store(config, picture)
    assert address == media.address(picture.name) == f"/media/{picture.name}"
    assert media.path_of(config, picture.name).read_bytes() == picture.data
    narrow = picture.name.removesuffix(".jpg") + "-960.webp"
    assert media.path_of(config, narrow).read_bytes() == picture.narrow
    assert media.type_of(picture.name) == "image/jpeg"
    assert media.type_of(narrow) == "image/webp"


async def test_a_refused_picture_gets_a_reason(config):
    async with Sandbox(config) as sandbox:
        with pytest.raises(Refusal) as caught:
            await sandbox.picture(b"<svg onload=alert(1)/>", "logo.svg")
        assert (
            str(caught.value)
            == "logo.svg is not a picture. Upload a JPEG, PNG, GIF, WebP or AVIF file."
        )
        with pytest.raises(Refusal, match="larger than 20 MB"):
            await sandbox.picture(b"x" * 20_000_001, "film.mp4")
        with pytest.raises(Refusal, match="more than 40 megapixels"):
            await sandbox.picture(plain((7000, 6000), "PNG", "1"), "bomb.png")


@pytest.mark.slow
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
async def test_a_picture_of_forty_megapixels_is_accepted(config, format):
    mode = "RGBA" if format == "PNG" else "RGB"
    raw = plain((7300, 5475), format, mode)
    async with Sandbox(config) as sandbox:
        assert (await sandbox.picture(raw, "large")).width == 2560


def some_picture(letter: str = "a") -> media.Picture:
    name = f"{letter * 2}/{letter * 32}.png"
    return media.Picture(name, 1000, 1, 4, "image/png", b"data", b"narrow")


async def test_a_picture_is_stored_once_and_removed_with_its_smaller_version(config):
    picture = some_picture()
    for _ in range(2):
        await media.store(config, picture)
    names = sorted(path.name for path in (config.media_dir / "aa").iterdir())
    assert names == [f"{'a' * 32}-960.webp", f"{'a' * 32}.png"]
    for _ in range(2):
        await media.remove(config, picture.name)
    assert not list((config.media_dir / "aa").iterdir())


async def test_the_same_picture_uploaded_several_times_at_once_is_one_file(config):
    picture = some_picture()
    await asyncio.gather(*(media.store(config, picture) for _ in range(8)))
    assert len(list((config.media_dir / "aa").iterdir())) == 2


async def test_a_failed_write_leaves_no_half_written_picture(config):
    (config.media_dir).mkdir(parents=True)
    (config.media_dir / "aa").write_text("in the way")
    with pytest.raises(OSError, match=r"File exists|Not a directory"):
        await media.store(config, some_picture())
    assert list(config.media_dir.iterdir()) == [config.media_dir / "aa"]


@pytest.mark.parametrize(
    "name",
    [
        *("", "/", "..", "../blog.sqlite3", "aa/../../blog.sqlite3", "/etc/passwd", "aa"),
        *("aa/" + "a" * 32, "aa/" + "a" * 32 + ".svg", "aa/" + "a" * 32 + ".png\0.jpg"),
        *("ab/" + "a" * 32 + ".png", "aa/" + "A" * 32 + ".png", "aa/" + "a" * 31 + ".png"),
        *("aa/" + "a" * 32 + ".png\n", "aa/" + "a" * 32 + "-960.png", "aa//" + "a" * 32 + ".png"),
        *("aa\\" + "a" * 32 + ".png", "%2e%2e/secret", "aa/." + "a" * 31 + ".png"),
    ],
)
def test_other_names_than_those_of_stored_pictures_have_no_path(config, name):
    with pytest.raises(ValueError):
        media.path_of(config, name)


def test_a_stored_picture_is_in_the_media_folder(config):
    for end in (".png", ".jpg", ".webp", "-960.webp"):
        name = "0f/0f" + "e" * 30 + end
        assert media.path_of(config, name) == Path(config.data_dir / "media" / name)
