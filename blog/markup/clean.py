"""Sanitises rendered HTML: removes what is dangerous, then restores markup of our own.

It is the last step before HTML is stored.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape, unescape
from urllib.parse import unquote

import nh3
from markdown_it.common.utils import unescapeAll

from blog.config import N_
from blog.markup.highlight import CLASSES
from blog.markup.limits import MAX_DEPTH, MAX_HTML, MAX_UNCLOSED, TooMuch, names
from blog.markup.parser import PREFIX, Parsed

SCHEMES = frozenset({"http", "https", "mailto"})
GUEST_TAGS = names("p br em strong del s code pre span blockquote ul ol li a")
AUTHOR_TAGS = GUEST_TAGS | names(
    "abbr b bdi bdo caption cite col colgroup dd details dfn div dl dt figcaption figure h1 h2 h3 "
    "h4 h5 h6 hr i img ins kbd label mark meter progress q rp rt ruby samp section small sub "
    "summary sup table tbody td tfoot th thead time tr u var wbr"
)
AUTHOR_ATTRIBUTES = {
    "*": {"class", "id", "title", "lang", "dir"},
    "a": {"href", "name"},
    "img": {"src", "alt", "width", "height"},
    "ol": {"start", "reversed", "type"},
    "li": {"value"},
    "td": {"colspan", "rowspan", "headers"},
    "th": {"colspan", "rowspan", "headers", "scope", "abbr"},
    "col": {"span"},
    "colgroup": {"span"},
    "details": {"open"},
    "time": {"datetime"},
    "ins": {"datetime"},
    "del": {"datetime"},
    "progress": {"value", "max"},
    "meter": {"value", "max", "min", "low", "high", "optimum"},
    "span": {"data-made"},
}
GUEST_ATTRIBUTES = {"*": {"class"}, "a": {"href"}, "ol": {"start"}}
ALLOWED_CLASSES = names(
    "highlight footnotes footnotes-list footnotes-sep footnote-item footnote-ref footnote-backref "
    "task-list-item align-left align-center align-right"
)
LANGUAGE = re.compile(r"language-[\w+#-]{1,30}")
NUMBER = re.compile(r"\d{1,4}%?")
SCHEME = re.compile(r"\s*([a-z][a-z0-9+.-]*):", re.I)
TAG = re.compile(r'<(/?)([a-z][a-z0-9]*)((?: [a-z-]+="[^"]*")*)>')
ATTRIBUTE = re.compile(r' ([a-z-]+)="([^"]*)"')
# As browsers parse a URL: white space is dropped, "\\" is "/", and "https:host" needs no "//".
EXTERNAL = re.compile(r"https?:|[/\\]{2}", re.IGNORECASE)
VOID = frozenset({"br", "hr", "img", "col", "wbr"})
NARROW = 960  # pixels; our own pictures that are wider have a smaller version
DISPLAYED_SIZES = "(max-width: 48rem) 100vw, 48rem"


@dataclass
class Cleaned:
    """Sanitised HTML, with the addresses of its pictures and links."""

    html: str
    pictures: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)


def clean(
    parsed: Parsed, links: Mapping[str, str], sizes: Mapping[str, tuple[int, int]], trust: str
) -> Cleaned:
    """Sanitise the HTML in `parsed`. Raises `TooMuch` if it exceeds a limit.

    `links` maps link targets to new ones, `sizes` an address to the picture's width and height.
    """
    _check_size(parsed.html)
    is_author = trust == "author"
    html = nh3.clean(
        parsed.html,
        tags=AUTHOR_TAGS if is_author else GUEST_TAGS,
        attributes=AUTHOR_ATTRIBUTES if is_author else GUEST_ATTRIBUTES,
        attribute_filter=AttributeFilter(links, parsed.mark),
        clean_content_tags={"script", "style"},
        url_schemes=SCHEMES,
        link_rel=None if is_author else "nofollow ugc noopener",
        id_prefix=PREFIX,
    )
    rewriter = TagRewriter(sizes)
    html = TAG.sub(rewriter, html)
    placeholder = re.compile(rf'<span data-made="{parsed.mark}-(\d+)"></span>')
    html = placeholder.sub(lambda match: parsed.own_markup[int(match[1])], html)
    return Cleaned(html, rewriter.pictures, rewriter.links)


def _check_size(html: str) -> None:
    """Raise `TooMuch` for HTML that would take the sanitiser too long."""
    voids = sum(html.count(f"<{tag}") for tag in VOID)
    unclosed = html.count("<") - 2 * html.count("</") - voids
    if len(html) > MAX_HTML or unclosed > MAX_UNCLOSED:
        raise TooMuch(N_("The text produces more HTML than a page can hold."))


class AttributeFilter:
    """Called by the sanitiser with each allowed attribute. Returns its new value, or None."""

    def __init__(self, links: Mapping[str, str], mark: str) -> None:
        self.mark = mark
        self.links: dict[str, str] = {}
        for old, new in links.items():
            if _is_safe(new):
                self.links |= dict.fromkeys((unquote(unescapeAll(old)), unquote(old), old), new)

    def __call__(self, tag: str, name: str, value: str) -> str | None:
        """Return the new value of an attribute, or None to remove it."""
        if name in ("href", "src"):
            return self.target(value) if _is_safe(value) else None
        if name == "class":
            return " ".join(word for word in value.split() if _is_class(tag, word)) or None
        if name == "name":
            return PREFIX + value
        if name == "data-made":
            return value if value.startswith(self.mark) else None
        if name in ("width", "height"):
            return value if NUMBER.fullmatch(value) else None
        return value

    def target(self, value: str) -> str:
        """Return the new target of a link or picture.

        Ids in a text get our prefix, so fragments that point into a text get it, too.
        """
        new = self.links.get(value) or self.links.get(unquote(value))
        if new:
            return new
        address, sharp, fragment = value.partition("#")
        if not address:
            return f"#{_prefixed(fragment)}" if fragment else value
        new = self.links.get(address) or self.links.get(unquote(address))
        if not new or not sharp:
            return new or value
        return f"{new}#{_prefixed(fragment) if new.startswith('/') else fragment}"


def _prefixed(fragment: str) -> str:
    return fragment if fragment.startswith(PREFIX) else PREFIX + fragment


def _is_safe(address: str) -> bool:
    scheme = SCHEME.match(re.sub(r"[\x00-\x20]", "", address))
    return scheme is None or scheme[1].lower() in SCHEMES


def _is_class(tag: str, word: str) -> bool:
    if tag == "span" and word in CLASSES:
        return True
    return word in ALLOWED_CLASSES or (tag == "code" and LANGUAGE.fullmatch(word) is not None)


class TagRewriter:
    """Called with each tag of sanitised HTML: completes the tag, collects pictures and links."""

    def __init__(self, sizes: Mapping[str, tuple[int, int]]) -> None:
        self.sizes = sizes
        self.depth = 0
        self.is_in_link = False
        self.pictures: list[str] = []
        self.links: list[str] = []

    def __call__(self, match: re.Match[str]) -> str:
        """Return the replacement of one tag. Raises `TooMuch` if tags are nested too deeply."""
        slash, tag, attributes = match.groups()
        self._count(slash, tag)
        if tag == "table":
            if slash:
                return "</table></div>"
            return f'<div class="table-scroll" tabindex="0">{match[0]}'
        if tag == "h1":  # the page's one h1 is the title
            return f"<{slash}h2{attributes}>"
        if tag == "a":
            self.is_in_link = not slash
            self._link(dict(ATTRIBUTE.findall(attributes)))
        if tag == "pre" and not slash:
            return f'<pre{attributes} tabindex="0">'
        return self._picture(dict(ATTRIBUTE.findall(attributes))) if tag == "img" else match[0]

    def _count(self, slash: str, tag: str) -> None:
        if tag not in VOID:
            self.depth += -1 if slash else 1
        if self.depth > MAX_DEPTH:
            raise TooMuch(N_("The text is nested too deeply."))

    def _link(self, values: dict[str, str]) -> None:
        target = unescape(values.get("href", ""))
        if target and not target.startswith("#"):
            self.links.append(target)

    def _picture(self, values: dict[str, str]) -> str:
        address = unescape(values.get("src", ""))
        if address:
            self.pictures.append(address)
        if EXTERNAL.match(re.sub(r"[\x00-\x20]", "", address)):
            return self._external_picture(values, address)
        values.setdefault("alt", "")
        values |= {"loading": "lazy", "decoding": "async"} | self._size_attributes(address)
        return "<img" + "".join(f' {name}="{value}"' for name, value in values.items()) + ">"

    def _external_picture(self, values: dict[str, str], address: str) -> str:
        """Return a link instead, so that readers' browsers do not contact other hosts."""
        label = values.get("alt") or escape(address.rpartition("/")[2].partition("?")[0] or address)
        if self.is_in_link:
            return label
        return f'<a href="{escape(address)}" rel="noopener noreferrer">{label}</a>'

    def _size_attributes(self, address: str) -> dict[str, str]:
        """Return attributes that reserve space for our own picture and offer its narrow version."""
        if address not in self.sizes:
            return {}
        width, height = self.sizes[address]
        attributes = {"width": str(width), "height": str(height)}
        if width <= NARROW:
            return attributes
        srcset = f"{narrow(address)} {NARROW}w, {address} {width}w"
        return attributes | {"srcset": escape(srcset), "sizes": DISPLAYED_SIZES}


def narrow(address: str) -> str:
    """Return the name or address of the narrow version of one of our own pictures."""
    return f"{address.rpartition('.')[0]}-{NARROW}.webp"
