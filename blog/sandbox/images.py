"""Decodes an uploaded picture and re-encodes it, scaled and without metadata."""

import hashlib
from dataclasses import dataclass, field
from io import BytesIO

from PIL import Image, ImageCms, ImageSequence, UnidentifiedImageError
from PIL.Image import Resampling, Transpose

from blog.config import N_
from blog.markup import NARROW

Image.MAX_IMAGE_PIXELS = None  # we check our own limit before decoding

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF")  # MPO, which many phones write, is handled as JPEG
MAX_WIDTH, MAX_HEIGHT = 2560, 8192  # pixels; high enough for screenshots of long pages
MAX_PNG_SIZE = 1_000_000  # bytes; a larger one is usually a photograph, much smaller as WebP
MAX_ANIMATION_WIDTH = NARROW
MAX_FRAMES = 300
MAX_ANIMATION_PIXELS = 80_000_000  # of all frames together, after scaling
ORIENTATION = 0x0112  # the EXIF tag
ROTATIONS = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
SIDEWAYS = {ROTATIONS[value] for value in (5, 6, 7, 8)}
SUFFIX = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}
TYPE = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}


class NotAPicture(Exception):
    """The file cannot be used as a picture. The message says why (marked with `N_`)."""

    def __init__(self, message: str, **params: object) -> None:
        super().__init__(message % params)
        self.message = message
        self.params = params


@dataclass(frozen=True)
class PreparedImage:
    """A re-encoded picture. Its name is derived from the hash of its bytes."""

    width: int
    height: int
    type: str
    name: str
    size: int
    data: bytes = field(repr=False)
    narrow: bytes = field(default=b"", repr=False)

    @property
    def metadata(self) -> dict[str, int | str]:
        """All fields except the bytes."""
        return {
            "width": self.width,
            "height": self.height,
            "type": self.type,
            "name": self.name,
            "size": self.size,
        }


def prepare(raw: bytes, name: str, max_pixels: int) -> PreparedImage:
    """Decode the picture in `raw` and re-encode it without metadata. Raises `NotAPicture`.

    `name` is the file name of the sender, used in messages. `max_pixels` is in millions.
    """
    name = name[-80:]
    try:
        with Image.open(BytesIO(raw), formats=FORMATS) as image:
            if image.width * image.height > max_pixels * 1_000_000:
                message = N_("%(name)s has more than %(limit)s megapixels.")
                raise NotAPicture(message, name=name, limit=max_pixels)
            if getattr(image, "is_animated", False):
                return _prepare_animation(image, name)
            return _prepare_still(image)
    except (NotAPicture, MemoryError):
        raise
    except UnidentifiedImageError as error:
        message = N_("%(name)s is not a picture. Upload a JPEG, PNG, GIF, WebP or AVIF file.")
        raise NotAPicture(message, name=name) from error
    except Exception as error:  # Pillow raises many kinds of errors for bad files
        raise NotAPicture(N_("%(name)s is damaged or incomplete."), name=name) from error


def _prepare_still(image: Image.Image) -> PreparedImage:
    source = image.format
    decoded = _decoded(image)
    data, format = _encoded(decoded, "JPEG" if source in ("JPEG", "MPO") else source)
    return _prepared(decoded, data, format, _narrow_version(decoded))


def _prepared(image: Image.Image, data: bytes, format: str, narrow: bytes = b"") -> PreparedImage:
    digest = hashlib.sha256(data).hexdigest()[:32]
    name = f"{digest[:2]}/{digest}.{SUFFIX[format]}"
    return PreparedImage(image.width, image.height, TYPE[format], name, len(data), data, narrow)


def _decoded(image: Image.Image) -> Image.Image:
    """Return the pixels, scaled down, rotated by the EXIF orientation, in sRGB."""
    rotation = ROTATIONS.get(_orientation(image))
    profile = image.info.get("icc_profile")
    size = _scaled_size(image.size, rotation in SIDEWAYS)
    if size != image.size:
        image.draft(image.mode, size)  # a JPEG can be decoded at a smaller size
        image = _in_plain_mode(image).resize(size, Resampling.LANCZOS, reducing_gap=3)
    elif image.mode != "P":
        image = _in_plain_mode(image)
    image = image.transpose(rotation) if rotation is not None else image.copy()
    image = _in_srgb(image, profile)
    transparency = image.info.get("transparency") if image.mode == "P" else None
    image.info = {} if transparency is None else {"transparency": transparency}
    return image


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # broken EXIF is no reason to refuse a picture: it is removed anyway
        return 1


def _scaled_size(size: tuple[int, int], is_sideways: bool) -> tuple[int, int]:
    """Return the size that fits the limits. `is_sideways` if it will be rotated by 90 degrees."""
    width, height = reversed(size) if is_sideways else size
    scale = min(1.0, MAX_WIDTH / width, MAX_HEIGHT / height)
    width, height = max(1, round(width * scale)), max(1, round(height * scale))
    return (height, width) if is_sideways else (width, height)


def _in_plain_mode(image: Image.Image) -> Image.Image:
    """Convert to L, RGB or RGBA, which every output format supports."""
    mode = "L" if image.mode in ("1", "L", "I", "I;16", "F") else "RGB"
    if image.has_transparency_data:
        mode = "RGBA"
    return image if image.mode == mode else image.convert(mode)


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if not profile or image.mode not in ("RGB", "RGBA"):
        return image
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB")) or image
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image  # the profile is for another colour mode, such as CMYK


def _encoded(image: Image.Image, source: str | None) -> tuple[bytes, str]:
    """Encode as JPEG if `source` is JPEG, as PNG if it is PNG or GIF and small, else as WebP.

    Returns the bytes and the format.
    """
    if source == "JPEG":
        return _saved(image, "JPEG", quality=82, optimize=True, progressive=True), "JPEG"
    if source in ("PNG", "GIF"):
        is_small = image.width * image.height < 2_000_000
        data = _saved(image, "PNG", compress_level=9 if is_small else 6)
        if len(data) <= MAX_PNG_SIZE:
            return data, "PNG"
    return _saved(_in_plain_mode(image), "WEBP", quality=88, method=4), "WEBP"


def _narrow_version(image: Image.Image) -> bytes:
    """Return a WebP that is NARROW pixels wide, or nothing if the image is not wider."""
    if image.width <= NARROW:
        return b""
    size = (NARROW, max(1, round(image.height * NARROW / image.width)))
    small = _in_plain_mode(image).resize(size, Resampling.LANCZOS, reducing_gap=3)
    return _saved(small, "WEBP", quality=80, method=4)


def _saved(image: Image.Image, format: str, **options: object) -> bytes:
    out = BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def _prepare_animation(image: Image.Image, name: str) -> PreparedImage:
    """Encode an animation as WebP. It is at most NARROW pixels wide, so has no narrow version."""
    loop = int(image.info.get("loop", 1))
    count = 0
    for count, _ in enumerate(ImageSequence.Iterator(image), 1):
        if count > MAX_FRAMES:
            message = N_("%(name)s is an animation with more than %(limit)s frames.")
            raise NotAPicture(message, name=name, limit=MAX_FRAMES)
    frames, durations = [], []
    size = _animation_size(image.size, count)
    for frame in ImageSequence.Iterator(image):
        durations.append(int(frame.info.get("duration", 0)) or 100)
        frames.append(frame.convert("RGBA").resize(size, Resampling.BICUBIC))
    options = {"append_images": frames[1:], "duration": durations, "loop": loop}
    data = _saved(frames[0], "WEBP", save_all=True, quality=75, method=2, **options)
    return _prepared(frames[0], data, "WEBP")


def _animation_size(size: tuple[int, int], count: int) -> tuple[int, int]:
    width, height = size
    scale = min(
        1.0, MAX_ANIMATION_WIDTH / width, (MAX_ANIMATION_PIXELS / (width * height * count)) ** 0.5
    )
    return max(1, round(width * scale)), max(1, round(height * scale))
