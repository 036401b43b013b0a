"""Colour calculations: OKLab conversion, WCAG contrast, and the nearest readable shade."""

import re
from dataclasses import dataclass
from typing import Self

HEX = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})", re.IGNORECASE)
STEPS = 24  # steps of a binary search; the last is finer than 8 bits per channel
Vector = tuple[float, float, float]

# OKLab (Björn Ottosson, 2020): equal steps of lightness look equal, and changing the lightness
# preserves the hue. LMS is the response of the eye's cones.
TO_LMS = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
TO_LAB = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)
FROM_LAB = (
    (1.0, 0.3963377774, 0.2158037573),
    (1.0, -0.1055613458, -0.0638541728),
    (1.0, -0.0894841775, -1.2914855480),
)
FROM_LMS = (
    (4.0767416621, -3.3077115913, 0.2309699292),
    (-1.2684380046, 2.6097574011, -0.3413193965),
    (-0.0041960863, -0.7034186147, 1.7076147010),
)


@dataclass(frozen=True)
class Colour:
    """A colour in OKLab: lightness from 0 to 1, and the two axes of hue and chroma."""

    lightness: float
    a: float
    b: float

    @classmethod
    def of(cls, text: str) -> Self:
        """Parse `#1b4a8a` or `#14a`. Raises `ValueError`."""
        red, green, blue = (_linear(channel) for channel in _channels(text))
        long, medium, short = _times(TO_LMS, (red, green, blue))
        return cls(*_times(TO_LAB, (long ** (1 / 3), medium ** (1 / 3), short ** (1 / 3))))

    @property
    def chroma(self) -> float:
        """How vivid the colour is; 0 for grey."""
        return float((self.a**2 + self.b**2) ** 0.5)

    def at(self, lightness: float, most_chroma: float = 1.0) -> "Colour":
        """Return the same hue with another lightness, and with at most this chroma."""
        scale = min(1.0, most_chroma / self.chroma) if self.chroma else 0.0
        return Colour(lightness, self.a * scale, self.b * scale)

    @property
    def hex(self) -> str:
        """The colour as `#rrggbb`. A colour outside sRGB keeps its hue but loses chroma."""
        low, high = 0.0, 1.0
        if not _is_in_gamut(self._linear_rgb(1.0)):
            for _ in range(STEPS):
                middle = (low + high) / 2
                if _is_in_gamut(self._linear_rgb(middle)):
                    low = middle
                else:
                    high = middle
            high = low
        channels = (min(1.0, max(0.0, value)) for value in self._linear_rgb(high))
        return "#" + "".join(f"{round(_encoded(value) * 255):02x}" for value in channels)

    def _linear_rgb(self, scale: float) -> Vector:
        """Return linear sRGB channels of the colour with its chroma scaled."""
        long, medium, short = _times(FROM_LAB, (self.lightness, self.a * scale, self.b * scale))
        return _times(FROM_LMS, (long**3, medium**3, short**3))


def contrast(first: str, second: str) -> float:
    """Return the WCAG contrast ratio of two colours, from 1 to 21."""
    light, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def lowest_contrast(colour: str, grounds: tuple[str, ...]) -> float:
    """Return the lowest contrast ratio of a colour with any of these backgrounds."""
    return min(contrast(colour, ground) for ground in grounds)


def readable(colour: Colour, grounds: tuple[str, ...], ratio: float, *, darker: bool) -> str:
    """Return the nearest shade that has at least this contrast with every background.

    The shade is searched among darker or lighter ones of the same hue. Returns `#rrggbb`.
    """
    if lowest_contrast(colour.hex, grounds) >= ratio:
        return colour.hex
    near, far = colour.lightness, 0.0 if darker else 1.0
    for _ in range(STEPS):
        middle = (near + far) / 2
        if lowest_contrast(colour.at(middle).hex, grounds) >= ratio:
            far = middle
        else:
            near = middle
    return colour.at(far).hex


def _channels(text: str) -> Vector:
    """Return the sRGB channels of a hexadecimal colour, 0 to 1. Raises `ValueError`."""
    if not HEX.fullmatch(text):
        raise ValueError(text)
    digits = text[1:] if len(text) == 7 else "".join(digit * 2 for digit in text[1:])
    red, green, blue = (int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4))
    return red, green, blue


def _linear(value: float) -> float:
    """Decode the gamma of an sRGB channel."""
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)


def _encoded(value: float) -> float:
    """Encode a linear channel as sRGB."""
    return value * 12.92 if value <= 0.0031308 else float(1.055 * value ** (1 / 2.4) - 0.055)


def _luminance(text: str) -> float:
    """Return the relative luminance as WCAG defines it, 0 to 1."""
    red, green, blue = (_linear(channel) for channel in _channels(text))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _is_in_gamut(channels: Vector) -> bool:
    return all(-0.0005 <= value <= 1.0005 for value in channels)


def _times(matrix: tuple[Vector, Vector, Vector], vector: Vector) -> Vector:
    """Multiply a matrix with a column vector."""
    first, second, third = (
        sum(factor * value for factor, value in zip(row, vector, strict=True)) for row in matrix
    )
    return first, second, third
