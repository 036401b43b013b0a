"""Uploaded pictures: re-encoding, scaling, rotation, removal of metadata, refused files."""

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
    """Return an image that is red above and blue below."""
    image = Image.new("RGB", size, "red")
    ImageDraw.Draw(image).rectangle((0, size[1] // 2, *size), fill="blue")
    return image.convert(mode)


def encoded(image: Image.Image, format: str, **options) -> bytes:
    out = BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data))


def prepared(raw: bytes, max_pixels=40) -> PreparedImage:
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
def test_a_picture_is_re_encoded(format, mode, type, suffix):
    result = prepared(encoded(drawing(mode=mode), format))
    assert (result.width, result.height, result.type) == (300, 200, type)
    assert result.size == len(result.data)
    assert result.narrow == b""
    digest = hashlib.sha256(result.data).hexdigest()[:32]
    assert result.name == f"{digest[:2]}/{digest}{suffix}"
    picture = opened(result.data)
    assert f"image/{picture.format.lower()}" == type
    assert picture.size == (300, 200)


def test_a_re_encoded_picture_shows_the_same():
    for format in ("JPEG", "PNG", "GIF", "WEBP", "AVIF"):
        picture = opened(prepared(encoded(drawing(), format)).data).convert("RGB")
        above, below = picture.getpixel((150, 40)), picture.getpixel((150, 160))
        assert above[0] > 230 and above[2] < 40, format
        assert below[2] > 230 and below[0] < 40, format


def test_transparency_is_kept():
    image = drawing(mode="RGBA")
    image.putalpha(100)
    for format in ("PNG", "WEBP"):
        assert opened(prepared(encoded(image, format)).data).getpixel((5, 5))[3] == 100
    dots = Image.new("P", (2, 1))
    dots.putpalette([255, 0, 0, 0, 0, 255])
    dots.putpixel((1, 0), 1)
    result = opened(prepared(encoded(dots, "GIF", transparency=1)).data).convert("RGBA")
    assert [result.getpixel((x, 0))[3] for x in (0, 1)] == [255, 0]


def test_a_wide_picture_is_scaled_and_gets_a_narrow_version():
    result = prepared(encoded(drawing((5000, 1000)), "JPEG"))
    assert (result.width, result.height) == (2560, 512)
    assert opened(result.data).size == (2560, 512)
    narrow = opened(result.narrow)
    assert (narrow.format, narrow.size) == ("WEBP", (960, 192))


def test_only_a_picture_wider_than_a_post_gets_a_narrow_version():
    assert prepared(encoded(drawing((961, 10)), "PNG")).narrow
    assert not prepared(encoded(drawing((960, 3000)), "PNG")).narrow


@pytest.mark.slow
def test_a_long_screenshot_keeps_its_width():
    result = prepared(encoded(drawing((1080, 8000)), "PNG"))
    assert (result.width, result.height) == (1080, 8000)
    assert prepared(encoded(drawing((100, 20_000)), "PNG")).height == 8192
    assert prepared(encoded(drawing((20_000, 1)), "PNG")).height == 1


def test_a_photograph_in_png_becomes_webp():
    noise = Image.effect_noise((900, 900), 90).convert("RGB")
    result = prepared(encoded(noise, "PNG"))
    assert result.type == "image/webp"
    assert result.size < 1_500_000


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_rotated_by_its_exif_orientation(orientation):
    """The file holds the picture as the sensor saw it. Once rotated, red is above."""
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the transposition that undoes each
    upright = drawing((1200, 600))
    held = upright if orientation == 1 else upright.transpose(back[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    result = prepared(encoded(held, "JPEG", exif=exif))
    assert (result.width, result.height) == (1200, 600)
    for data in (result.data, result.narrow):
        picture = opened(data).convert("RGB")
        assert picture.getpixel((picture.width // 2, 20))[0] > 200
        assert not picture.getexif()


def test_metadata_and_appended_data_are_removed():
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", SECRET.decode())
    xmp = b"<x:xmpmeta>" + SECRET + b"</x:xmpmeta>"
    files = [
        encoded(drawing(), "JPEG", exif=exif, comment=SECRET, xmp=xmp) + SECRET,
        encoded(drawing(), "PNG", exif=exif, pnginfo=text) + SECRET,
        encoded(drawing(mode="P"), "PNG", pnginfo=text),
        encoded(drawing(mode="P"), "GIF", comment=SECRET) + SECRET,
        encoded(drawing(), "WEBP", exif=exif, xmp=xmp) + SECRET,
        encoded(drawing(), "AVIF", exif=exif, xmp=xmp),
        encoded(drawing((3000, 10)), "JPEG", exif=exif, comment=SECRET, xmp=xmp),
    ]
    for raw in files:
        assert b"alert(1)" in raw
        result = prepared(raw)
        for word in (b"alert(1)", b"Exif", b"XMP", b"http:", b"iCCP", b"ICCP", b"ICC_PROFILE"):
            assert word not in result.data + result.narrow


def test_colours_are_converted_to_srgb_and_the_profile_is_removed():
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    raw = encoded(drawing(), "PNG", icc_profile=srgb.tobytes())
    result = prepared(raw)
    assert "icc_profile" not in opened(result.data).info
    assert opened(result.data).convert("RGB").getpixel((5, 5)) == (255, 0, 0)
    assert prepared(encoded(drawing(), "PNG", icc_profile=b"no profile")).width == 300


def test_an_animation_keeps_its_frames_duration_and_loop():
    frames = [drawing((1200, 600)).rotate(90 * i) for i in range(4)]
    gif = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=80, loop=0)
    result = prepared(gif)
    assert (result.type, result.width, result.height) == ("image/webp", 960, 480)
    assert result.narrow == b""
    picture = opened(result.data)
    assert picture.n_frames == 4
    picture.load()
    assert (picture.info["duration"], picture.info["loop"]) == (80, 0)


def test_an_animation_with_too_many_frames_is_refused():
    frames = [Image.new("L", (4, 4), i % 200) for i in range(400)]
    gif = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    with pytest.raises(NotAPicture, match="more than 300 frames"):
        prepared(gif)


def png(width: int, height: int, *, rows: int | None = None) -> bytes:
    """Return a PNG of one colour with the given size in its header, built without an image."""
    line = b"\0" + b"\0" * ((width + 7) // 8)
    data = zlib.compress(line * (height if rows is None else rows), 9)
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    body = b"".join(
        struct.pack(">I", len(d)) + name + d + struct.pack(">I", zlib.crc32(name + d))
        for name, d in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def test_a_decompression_bomb_is_refused_by_its_header():
    with pytest.raises(NotAPicture, match="more than 40 megapixels"):
        prepared(png(9400, 9400))
    with pytest.raises(NotAPicture, match="more than 40 megapixels"):
        prepared(png(60_000, 60_000, rows=1))
    with pytest.raises(NotAPicture, match="more than 1 megapixels"):
        prepared(png(1001, 1000), max_pixels=1)
    assert prepared(png(1000, 1000), max_pixels=1).width == 1000


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
def test_a_file_that_is_not_a_picture_is_refused(raw):
    with pytest.raises(NotAPicture) as caught:
        prepared(raw)
    assert caught.value.params["name"] == "it.png"
    assert caught.value.message % caught.value.params == str(caught.value)


@pytest.mark.parametrize("format", ["TIFF", "BMP", "ICO", "PPM", "TGA", "EPS"])
def test_formats_that_no_browser_should_get_are_refused(format):
    with pytest.raises(NotAPicture, match="not a picture. Upload a JPEG"):
        prepared(encoded(drawing((16, 16)), format))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP", "AVIF"])
def test_a_truncated_picture_is_refused(format):
    raw = encoded(Image.effect_noise((300, 300), 80).convert("RGB"), format)
    with pytest.raises(NotAPicture, match=r"damaged|not a picture"):
        prepared(raw[: len(raw) // 2])


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP", "AVIF"])
def test_a_picture_with_a_damaged_byte_is_re_encoded_or_refused(format):
    raw = bytearray(encoded(drawing(), format))
    for at in range(8, len(raw), max(1, len(raw) // 60)):
        broken = bytes(raw[:at] + bytes([raw[at] ^ 0xFF]) + raw[at + 1 :])
        with warnings.catch_warnings(action="ignore"):  # Pillow warns about damage that it repairs
            try:
                result = prepared(broken)
            except NotAPicture:
                continue
        assert opened(result.data).size == (result.width, result.height)


@pytest.mark.parametrize("payload", [HTML, SVG, b"<?php system($_GET[0]) ?>", b"*/=1;alert(1)//"])
def test_nothing_of_a_polyglot_file_is_kept(payload):
    for raw in (encoded(drawing(), "PNG") + payload, encoded(drawing(), "GIF", comment=payload)):
        assert payload not in prepared(raw).data
