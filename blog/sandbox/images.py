"""An upload made into a picture that is safe to serve: opened by its content, and drawn anew."""

import hashlib
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from PIL import Image, ImageCms, ImageSequence, UnidentifiedImageError
from PIL.Image import Resampling, Transpose

from blog.config import N_
from blog.markup import NARROW

Image.MAX_IMAGE_PIXELS = None  # the limit is ours, and asked before anything is decoded

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF")  # MPO, of many phones, opens as a JPEG
WIDEST, TALLEST = 2560, 8192  # tall for screenshots of a whole conversation
LARGEST_PNG = 1_000_000  # bytes; beyond it is a photograph, and WebP keeps it far smaller
WIDEST_MOVING = NARROW
MOST_FRAMES = 300
MOST_MOVING_PIXELS = 80_000_000  # of all frames together, once scaled
ORIENTATION = 0x0112
TURNS = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
SIDEWAYS = {TURNS[value] for value in (5, 6, 7, 8)}
SUFFIX = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}
TYPE = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}


class NotAPicture(Exception):
    """Why a file is not kept, in one sentence (marked with `N_`)."""

    def __init__(self, message: str, **params: Any) -> None:
        super().__init__(message % params)
        self.message = message
        self.params = params


@dataclass(frozen=True)
class PreparedImage:
    """A picture drawn anew, under the name that its bytes give it."""

    width: int
    height: int
    type: str
    name: str
    size: int
    data: bytes = field(repr=False)
    narrow: bytes = field(default=b"", repr=False)

    @property
    def values(self) -> dict[str, Any]:
        """All but the bytes."""
        return {name: getattr(self, name) for name in ("width", "height", "type", "name", "size")}


def prepare(raw: bytes, name: str, max_pixels: int) -> PreparedImage:
    """The picture in `raw`, without anything that came with it. Raises `NotAPicture`.

    `name` is what its sender calls it; `max_pixels` counts millions.
    """
    name = name[-80:]
    try:
        with Image.open(BytesIO(raw), formats=FORMATS) as image:
            if image.width * image.height > max_pixels * 1_000_000:
                message = N_("%(name)s has more than %(limit)s megapixels.")
                raise NotAPicture(message, name=name, limit=max_pixels)
            return _moving(image, name) if getattr(image, "is_animated", False) else _still(image)
    except (NotAPicture, MemoryError):
        raise
    except UnidentifiedImageError as error:
        message = N_("%(name)s is not a picture. Upload a JPEG, PNG, GIF, WebP or AVIF file.")
        raise NotAPicture(message, name=name) from error
    except Exception as error:  # Pillow meets bad files with every kind of error
        raise NotAPicture(N_("%(name)s is damaged or incomplete."), name=name) from error


def _still(image: Image.Image) -> PreparedImage:
    source = image.format
    drawn = _drawn(image)
    data, format = _encoded(drawn, "JPEG" if source in ("JPEG", "MPO") else source)
    return _made(drawn, data, format, _narrow(drawn))


def _made(image: Image.Image, data: bytes, format: str, narrow: bytes = b"") -> PreparedImage:
    digest = hashlib.sha256(data).hexdigest()[:32]
    name = f"{digest[:2]}/{digest}.{SUFFIX[format]}"
    return PreparedImage(image.width, image.height, TYPE[format], name, len(data), data, narrow)


def _drawn(image: Image.Image) -> Image.Image:
    """The pixels, scaled, turned as the camera was held, in the colours every screen knows."""
    turn = TURNS.get(_orientation(image))
    profile = image.info.get("icc_profile")
    size = _fitting(image.size, turn in SIDEWAYS)
    if size != image.size:
        image.draft(image.mode, size)  # JPEG can be decoded smaller at once
        image = _plain(image).resize(size, Resampling.LANCZOS, reducing_gap=3)
    elif image.mode != "P":
        image = _plain(image)
    image = image.transpose(turn) if turn is not None else image.copy()
    image = _in_srgb(image, profile)
    kept = image.info.get("transparency") if image.mode == "P" else None
    image.info = {} if kept is None else {"transparency": kept}
    return image


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # broken EXIF is no reason to refuse a picture: it goes anyway
        return 1


def _fitting(size: tuple[int, int], is_sideways: bool) -> tuple[int, int]:
    width, height = reversed(size) if is_sideways else size
    scale = min(1.0, WIDEST / width, TALLEST / height)
    width, height = max(1, round(width * scale)), max(1, round(height * scale))
    return (height, width) if is_sideways else (width, height)


def _plain(image: Image.Image) -> Image.Image:
    """In one of three modes that every format can hold."""
    mode = "L" if image.mode in ("1", "L", "I", "I;16", "F") else "RGB"
    if image.has_transparency_data:
        mode = "RGBA"
    return image if image.mode == mode else image.convert(mode)


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if not profile or image.mode not in ("RGB", "RGBA"):
        return image
    try:
        own = ImageCms.ImageCmsProfile(BytesIO(profile))
        return ImageCms.profileToProfile(image, own, ImageCms.createProfile("sRGB")) or image
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image  # a profile for other colours than it has, such as CMYK's


def _encoded(image: Image.Image, source: str | None) -> tuple[bytes, str]:
    """JPEG stays JPEG and PNG stays PNG, unless it is too large for one; the rest is WebP."""
    if source == "JPEG":
        return _saved(image, "JPEG", quality=82, optimize=True, progressive=True), "JPEG"
    if source in ("PNG", "GIF"):
        is_small = image.width * image.height < 2_000_000
        data = _saved(image, "PNG", compress_level=9 if is_small else 6)
        if len(data) <= LARGEST_PNG:
            return data, "PNG"
    return _saved(_plain(image), "WEBP", quality=88, method=4), "WEBP"


def _narrow(image: Image.Image) -> bytes:
    if image.width <= NARROW:
        return b""
    size = (NARROW, max(1, round(image.height * NARROW / image.width)))
    small = _plain(image).resize(size, Resampling.LANCZOS, reducing_gap=3)
    return _saved(small, "WEBP", quality=80, method=4)


def _saved(image: Image.Image, format: str, **options: Any) -> bytes:
    out = BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def _moving(image: Image.Image, name: str) -> PreparedImage:
    """An animation, as WebP; never wider than a post, so it needs no narrow one."""
    loop = int(image.info.get("loop", 1))
    count = 0
    for count, _ in enumerate(ImageSequence.Iterator(image), 1):
        if count > MOST_FRAMES:
            message = N_("%(name)s is an animation with more than %(limit)s frames.")
            raise NotAPicture(message, name=name, limit=MOST_FRAMES)
    frames, durations = [], []
    size = _moving_size(image.size, count)
    for frame in ImageSequence.Iterator(image):
        durations.append(int(frame.info.get("duration", 0)) or 100)
        frames.append(frame.convert("RGBA").resize(size, Resampling.BICUBIC))
    options = {"append_images": frames[1:], "duration": durations, "loop": loop}
    data = _saved(frames[0], "WEBP", save_all=True, quality=75, method=2, **options)
    return _made(frames[0], data, "WEBP")


def _moving_size(size: tuple[int, int], count: int) -> tuple[int, int]:
    width, height = size
    scale = min(1.0, WIDEST_MOVING / width, (MOST_MOVING_PIXELS / (width * height * count)) ** 0.5)
    return max(1, round(width * scale)), max(1, round(height * scale))
