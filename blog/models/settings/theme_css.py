"""The theme: accent colour, fonts and colour scheme, and the stylesheet generated from them."""

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache

from blog.config import N_
from blog.models.base import Refusal
from blog.models.settings.colour import HEX, Colour, contrast, lowest_contrast, readable

ACCENT = "#1b4a8a"  # the default: blue, with a vermilion seal, as in static/css/values.css
TYPEFACES = {
    "book": N_("Book: serif fonts; Song for Chinese titles"),
    "plain": N_("Plain: sans-serif fonts; Hei for Chinese"),
    "typewriter": N_("Typewriter: monospaced titles; Fangsong for Chinese titles"),
}
SCHEMES = {
    "auto": N_("Match the reader's device"),
    "light": N_("Always light"),
    "dark": N_("Always dark"),
}
FRONTS = {"list": N_("List"), "cards": N_("Cards with pictures")}
NAME = re.compile(rf"({'|'.join(TYPEFACES)})-({'|'.join(SCHEMES)})-([0-9a-f]{{6}})")

# The backgrounds of values.css in the light and dark scheme: page, raised, sunken.
DAY = ("#fafaf7", "#ffffff", "#f0f1ec")
NIGHT = ("#15181d", "#1c2027", "#101317")
TEXT, MARK = 4.5, 3.0  # minimal contrast of text and of graphics: WCAG 2.2, 1.4.3 and 1.4.11
PALE_NIGHT = 0.76  # minimal OKLab lightness of the accent on dark backgrounds

# What each typeface changes in values.css. System fonts only: no font files are loaded.
FACES = {
    "book": "",
    "plain": """
:root, :lang(en) { --face-text: var(--sans); --face-title: var(--sans); --size-text: 1.125rem;
  --line-text: 1.62; --measure: 57ch; --size-5: clamp(2.2rem, 1.6rem + 3vw, 3.75rem); }
:lang(zh) { --face-text: "Han marks", var(--sans); --face-title: "Han marks", var(--sans);
  --size-text: 1.09375rem; --line-text: 1.8; --measure: 37em; }
:is(h1, h2, h3):lang(en) { font-weight: 700; letter-spacing: -0.022em; }
.title-page h1:lang(zh) { font-weight: 700; letter-spacing: 0.01em; }
""",
    "typewriter": """
:root { --fangsong: STFangsong, FangSong, "FangSong_GB2312", "Noto Serif CJK SC"; }
:root, :lang(en) { --face-title: var(--mono); --face-plain: var(--mono);
  --size-small: 0.8125rem; --size-2: clamp(1.15rem, 1.05rem + 0.45vw, 1.35rem);
  --size-3: clamp(1.35rem, 1.2rem + 0.7vw, 1.7rem);
  --size-4: clamp(1.55rem, 1.25rem + 1.4vw, 2.3rem);
  --size-5: clamp(1.9rem, 1.4rem + 2.6vw, 3.1rem); }
:lang(zh) { --face-title: "Han serif marks", var(--serif-latin), var(--fangsong), serif;
  --face-plain: "Han marks", var(--sans); --size-small: 0.875rem; }
:is(h1, h2, h3):lang(en) { letter-spacing: -0.035em; }
:is(h1, h2, h3):lang(zh) { letter-spacing: 0.05em; font-synthesis-weight: none; }
""",
}


@dataclass(frozen=True)
class Shades:
    """The shades of an accent colour in the light (day) and dark (night) scheme, as `#rrggbb`.

    A wash is a background tint, a seal a decorative mark.
    """

    day: str
    night: str
    day_wash: str
    night_wash: str
    day_seal: str
    night_seal: str

    @property
    def day_contrast(self) -> float:
        """The lowest contrast ratio of text in this colour in the light scheme."""
        return lowest_contrast(self.day, (*DAY, self.day_wash))

    @property
    def night_contrast(self) -> float:
        """The lowest contrast ratio of text in this colour in the dark scheme."""
        return lowest_contrast(self.night, (*NIGHT, self.night_wash))


# The shades in values.css, which belong to the default accent.
DEFAULT_SHADES = Shades("#1b4a8a", "#9abdf2", "#e6edf7", "#1d2a3f", "#b0301b", "#cf5138")


@dataclass(frozen=True)
class Theme:
    """The theme settings. The name contains all of them, so any worker can serve its stylesheet."""

    accent: str = ACCENT
    typeface: str = "book"
    scheme: str = "auto"

    @classmethod
    def named(cls, name: str) -> "Theme":
        """Return the theme with this name. Raises `LookupError`."""
        match = NAME.fullmatch(name)
        if not match:
            raise LookupError(name)
        return cls(f"#{match[3]}", match[1], match[2])

    @property
    def name(self) -> str:
        """The name in the stylesheet's path, such as `book-auto-1b4a8a`."""
        return f"{self.typeface}-{self.scheme}-{self.accent[1:]}"

    @property
    def hash(self) -> str:
        """The hash of the stylesheet, for cache busting."""
        return _hash(self.sheet)

    @property
    def path(self) -> str:
        """The path of the stylesheet, empty for the default theme."""
        return f"/look/{self.name}.{self.hash}.css" if self.sheet else ""

    @property
    def sheet(self) -> str:
        """The stylesheet: the rules that differ from values.css."""
        return _stylesheet(self)

    @property
    def schemes(self) -> str:
        """The value of the meta tag `color-scheme`."""
        return "light dark" if self.scheme == "auto" else self.scheme


@lru_cache(maxsize=64)
def shades(accent: str) -> Shades:
    """Return readable shades of an accent colour, as close to it as the contrast allows."""
    if accent == ACCENT:
        return DEFAULT_SHADES
    colour = Colour.of(accent)
    pale = colour.at(0.945, 0.02).hex
    deep = colour.at(0.28, 0.045).hex
    lifted = colour.at(max(colour.lightness, PALE_NIGHT), 0.14)
    return Shades(
        day=readable(colour, (*DAY, pale), TEXT, darker=True),
        night=readable(lifted, (*NIGHT, deep), TEXT, darker=False),
        day_wash=pale,
        night_wash=deep,
        day_seal=readable(colour, DAY, MARK, darker=True),
        night_seal=readable(colour, NIGHT, MARK, darker=False),
    )


@lru_cache(maxsize=64)
def _stylesheet(look: Theme) -> str:
    parts = []
    if look.scheme != "auto":  # on screen only: printed pages keep a white background
        parts.append(f"@media screen {{ :root {{ color-scheme: {look.scheme}; }} }}\n")
    if look.accent != ACCENT:
        tone = shades(look.accent)
        parts.append(
            f":root {{ --blue: light-dark({tone.day}, {tone.night});\n"
            f"  --blue-wash: light-dark({tone.day_wash}, {tone.night_wash});\n"
            f"  --seal: light-dark({tone.day_seal}, {tone.night_seal}); }}\n"
        )
    parts.append(FACES[look.typeface].lstrip())
    return "".join(parts)


@lru_cache(maxsize=64)
def _hash(sheet: str) -> str:
    return hashlib.sha256(sheet.encode()).hexdigest()[:12]


def check_accent(text: str) -> None:
    """Raise `Refusal` unless the text is `#` and six lowercase hexadecimal digits."""
    if len(text) != 7 or not HEX.fullmatch(text) or text != text.lower():
        raise Refusal(
            N_("Enter a colour as # and six hexadecimal digits, such as #1b4a8a."), "accent"
        )


def is_adjusted(accent: str) -> bool:
    """Return whether the accent had to be changed to be readable in the light scheme."""
    return contrast(shades(accent).day, accent) > 1.02
