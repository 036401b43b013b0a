"""What is a picture is drawn anew, without anything that came with it; all else is refused."""

import hashlib
import struct
import warnings
import zlib
from io import BytesIO

import pytest
from PIL import Image, ImageCms, ImageDraw, PngImagePlugin

from blog.sandbox.images import NotAPicture, PreparedImage, prepare

SECRET = b"GPS 52.52 13.40 <?php alert(1)"


def drawing(size=(300, 200), mode="RGB") -> Image.Image:
    """Something with edges and colours: red above, blue below."""
    image = Image.new("RGB", size, "red")
    ImageDraw.Draw(image).rectangle((0, size[1] // 2, *size), fill="blue")
    return image.convert(mode)


def saved(image: Image.Image, format: str, **options) -> bytes:
    out = BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data))


def made(raw: bytes, max_pixels=40) -> PreparedImage:
    return prepare(raw, "it.png", max_pixels)


@pytest.mark.parametrize(
    ("format", "mode", "type", "suffix"),
    [
        ("JPEG", "RGB", "image/jpeg", ".jpg"),
        ("JPEG", "L", "image/jpeg", ".jpg"),
        ("JPEG", "CMYK", "image/jpeg", ".jpg"),
        ("PNG", "RGB", "image/png", ".png"),
        ("PNG", "RGBA", "image/png", ".png"),
        ("PNG", "LA", "image/png", ".png"),
        ("PNG", "P", "image/png", ".png"),
        ("PNG", "1", "image/png", ".png"),
        ("PNG", "I;16", "image/png", ".png"),
        ("GIF", "P", "image/png", ".png"),
        ("WEBP", "RGB", "image/webp", ".webp"),
        ("WEBP", "RGBA", "image/webp", ".webp"),
        ("AVIF", "RGB", "image/webp", ".webp"),
    ],
)
def test_a_picture_is_drawn_anew(format, mode, type, suffix):
    result = made(saved(drawing(mode=mode), format))
    assert (result.width, result.height, result.type) == (300, 200, type)
    assert result.size == len(result.data)
    assert result.narrow == b""
    digest = hashlib.sha256(result.data).hexdigest()[:32]
    assert result.name == f"{digest[:2]}/{digest}{suffix}"
    picture = opened(result.data)
    assert f"image/{picture.format.lower()}" == type
    assert picture.size == (300, 200)


def test_it_still_shows_the_same():
    for format in ("JPEG", "PNG", "GIF", "WEBP", "AVIF"):
        picture = opened(made(saved(drawing(), format)).data).convert("RGB")
        above, below = picture.getpixel((150, 40)), picture.getpixel((150, 160))
        assert above[0] > 230 and above[2] < 40, format
        assert below[2] > 230 and below[0] < 40, format


def test_what_can_be_seen_through_stays_so():
    image = drawing(mode="RGBA")
    image.putalpha(100)
    for format in ("PNG", "WEBP"):
        assert opened(made(saved(image, format)).data).getpixel((5, 5))[3] == 100
    dots = Image.new("P", (2, 1))
    dots.putpalette([255, 0, 0, 0, 0, 255])
    dots.putpixel((1, 0), 1)
    result = opened(made(saved(dots, "GIF", transparency=1)).data).convert("RGBA")
    assert [result.getpixel((x, 0))[3] for x in (0, 1)] == [255, 0]


def test_a_wide_picture_is_scaled_and_has_a_narrow_one():
    result = made(saved(drawing((5000, 1000)), "JPEG"))
    assert (result.width, result.height) == (2560, 512)
    assert opened(result.data).size == (2560, 512)
    narrow = opened(result.narrow)
    assert (narrow.format, narrow.size) == ("WEBP", (960, 192))


def test_only_a_picture_wider_than_a_post_has_a_narrow_one():
    assert made(saved(drawing((961, 10)), "PNG")).narrow
    assert not made(saved(drawing((960, 3000)), "PNG")).narrow


def test_a_long_screenshot_keeps_its_width():
    result = made(saved(drawing((1080, 8000)), "PNG"))
    assert (result.width, result.height) == (1080, 8000)
    assert made(saved(drawing((100, 20_000)), "PNG")).height == 8192
    assert made(saved(drawing((20_000, 1)), "PNG")).height == 1


def test_a_photograph_in_png_is_kept_as_webp():
    noise = Image.effect_noise((900, 900), 90).convert("RGB")
    result = made(saved(noise, "PNG"))
    assert result.type == "image/webp"
    assert result.size < 1_500_000


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_photograph_stands_as_the_camera_was_held(turn):
    """Red is above once the picture is turned; the file holds it as the sensor saw it."""
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the transposition that undoes each
    upright = drawing((1200, 600))
    held = upright if turn == 1 else upright.transpose(back[turn])
    exif = Image.Exif()
    exif[0x0112] = turn
    result = made(saved(held, "JPEG", exif=exif))
    assert (result.width, result.height) == (1200, 600)
    for data in (result.data, result.narrow):
        picture = opened(data).convert("RGB")
        assert picture.getpixel((picture.width // 2, 20))[0] > 200
        assert not picture.getexif()


def test_nothing_that_came_with_a_picture_goes_on():
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", SECRET.decode())
    xmp = b"<x:xmpmeta>" + SECRET + b"</x:xmpmeta>"
    files = [
        saved(drawing(), "JPEG", exif=exif, comment=SECRET, xmp=xmp) + SECRET,
        saved(drawing(), "PNG", exif=exif, pnginfo=text) + SECRET,
        saved(drawing(mode="P"), "PNG", pnginfo=text),
        saved(drawing(mode="P"), "GIF", comment=SECRET) + SECRET,
        saved(drawing(), "WEBP", exif=exif, xmp=xmp) + SECRET,
        saved(drawing(), "AVIF", exif=exif, xmp=xmp),
        saved(drawing((3000, 10)), "JPEG", exif=exif, comment=SECRET, xmp=xmp),
    ]
    for raw in files:
        assert b"alert(1)" in raw
        result = made(raw)
        for word in (b"alert(1)", b"Exif", b"XMP", b"http:", b"iCCP", b"ICCP", b"ICC_PROFILE"):
            assert word not in result.data + result.narrow


def test_colours_of_another_profile_are_translated_to_those_of_the_web():
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    raw = saved(drawing(), "PNG", icc_profile=lab.tobytes())
    result = made(raw)
    assert "icc_profile" not in opened(result.data).info
    assert opened(result.data).convert("RGB").getpixel((5, 5)) == (255, 0, 0)
    assert made(saved(drawing(), "PNG", icc_profile=b"no profile")).width == 300


def test_an_animation_goes_on_moving():
    frames = [drawing((1200, 600)).rotate(90 * i) for i in range(4)]
    gif = saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=80, loop=0)
    result = made(gif)
    assert (result.type, result.width, result.height) == ("image/webp", 960, 480)
    assert result.narrow == b""
    picture = opened(result.data)
    assert picture.n_frames == 4
    picture.load()
    assert (picture.info["duration"], picture.info["loop"]) == (80, 0)


def test_an_endless_animation_is_refused():
    frames = [Image.new("L", (4, 4), i % 200) for i in range(400)]
    gif = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    with pytest.raises(NotAPicture, match="more than 300 frames"):
        made(gif)


def png(width: int, height: int, *, rows: int | None = None) -> bytes:
    """A PNG of one colour that claims `width` x `height`, made by hand to cost nothing here."""
    line = b"\0" + b"\0" * ((width + 7) // 8)
    data = zlib.compress(line * (height if rows is None else rows), 9)
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    body = b"".join(
        struct.pack(">I", len(d)) + name + d + struct.pack(">I", zlib.crc32(name + d))
        for name, d in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def test_a_bomb_is_refused_by_its_header():
    with pytest.raises(NotAPicture, match="more than 40 megapixels"):
        made(png(9400, 9400))
    with pytest.raises(NotAPicture, match="more than 40 megapixels"):
        made(png(60_000, 60_000, rows=1))
    with pytest.raises(NotAPicture, match="more than 1 megapixels"):
        made(png(1001, 1000), max_pixels=1)
    assert made(png(1000, 1000), max_pixels=1).width == 1000


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><script>alert(1)</script>"


@pytest.mark.parametrize(
    "raw",
    [
        *(b"", b"x", SVG, b'<?xml version="1.0"?>' + SVG, HTML, b"%PDF-1.7 x", b"#!/bin/sh\n"),
        *(b"GIF89a/*" + b" " * 100, b"BM" + b"\0" * 100, b"II*\0" + b"\0" * 100, b"\0\0\1\0" * 40),
        *(b"P6 1 1 255 abc", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"PK\3\4" + b"\0" * 50, b"\xff\xd8\xff"),
    ],
)
def test_what_is_no_picture_is_refused(raw):
    with pytest.raises(NotAPicture) as caught:
        made(raw)
    assert caught.value.params["name"] == "it.png"
    assert caught.value.message % caught.value.params == str(caught.value)


@pytest.mark.parametrize("format", ["TIFF", "BMP", "ICO", "PPM", "TGA", "EPS"])
def test_formats_that_no_browser_should_get_are_refused(format):
    with pytest.raises(NotAPicture, match="not a picture. Upload a JPEG"):
        made(saved(drawing((16, 16)), format))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP", "AVIF"])
def test_half_a_picture_is_refused(format):
    raw = saved(Image.effect_noise((300, 300), 80).convert("RGB"), format)
    with pytest.raises(NotAPicture, match=r"damaged|not a picture"):
        made(raw[: len(raw) // 2])


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP", "AVIF"])
def test_a_picture_with_broken_bytes_is_drawn_or_refused_but_never_a_fault(format):
    raw = bytearray(saved(drawing(), format))
    for at in range(8, len(raw), max(1, len(raw) // 60)):
        broken = bytes(raw[:at] + bytes([raw[at] ^ 0xFF]) + raw[at + 1 :])
        with warnings.catch_warnings(action="ignore"):  # Pillow warns of what it then mends
            try:
                result = made(broken)
            except NotAPicture:
                continue
        assert opened(result.data).size == (result.width, result.height)


@pytest.mark.parametrize("payload", [HTML, SVG, b"<?php system($_GET[0]) ?>", b"*/=1;alert(1)//"])
def test_nothing_of_a_file_that_is_two_things_at_once_is_kept(payload):
    for raw in (saved(drawing(), "PNG") + payload, saved(drawing(), "GIF", comment=payload)):
        assert payload not in made(raw).data
