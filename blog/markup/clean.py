"""The last step before HTML is kept: nothing dangerous is left in it, and ours is put back."""

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
OUR_CLASSES = names(
    "highlight footnotes footnotes-list footnotes-sep footnote-item footnote-ref footnote-backref "
    "task-list-item align-left align-center align-right"
)
LANGUAGE = re.compile(r"language-[\w+#-]{1,30}")
NUMBER = re.compile(r"\d{1,4}%?")
SCHEME = re.compile(r"\s*([a-z][a-z0-9+.-]*):", re.I)
TAG = re.compile(r'<(/?)([a-z][a-z0-9]*)((?: [a-z-]+="[^"]*")*)>')
ATTRIBUTE = re.compile(r' ([a-z-]+)="([^"]*)"')
# As browsers read an address: white space is dropped, "\\" is "/", and "https:host" needs no "//".
FAR = re.compile(r"https?:|[/\\]{2}", re.IGNORECASE)
VOID = frozenset({"br", "hr", "img", "col", "wbr"})
NARROW = 960  # pixels; wider pictures of our own have a smaller one beside them
SHOWN = "(max-width: 48rem) 100vw, 48rem"


@dataclass
class Cleaned:
    """Safe HTML, and what it points to."""

    html: str
    pictures: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)


def clean(
    parsed: Parsed, links: Mapping[str, str], sizes: Mapping[str, tuple[int, int]], trust: str
) -> Cleaned:
    """What `parsed` holds, made safe. Raises `TooMuch`."""
    _measure(parsed.html)
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
    finish = Finish(sizes)
    html = TAG.sub(finish, html)
    place = re.compile(rf'<span data-made="{parsed.mark}-(\d+)"></span>')
    return Cleaned(place.sub(lambda m: parsed.made[int(m[1])], html), finish.pictures, finish.links)


def _measure(html: str) -> None:
    voids = sum(html.count(f"<{tag}") for tag in VOID)
    unclosed = html.count("<") - 2 * html.count("</") - voids
    if len(html) > MAX_HTML or unclosed > MAX_UNCLOSED:
        raise TooMuch(N_("The text produces more HTML than a page can hold."))


class AttributeFilter:
    """Asked by the sanitiser for each attribute that it would keep: what to keep of it."""

    def __init__(self, links: Mapping[str, str], mark: str) -> None:
        self.mark = mark
        self.links: dict[str, str] = {}
        for old, new in links.items():
            if _is_safe(new):
                self.links |= dict.fromkeys((unquote(unescapeAll(old)), unquote(old), old), new)

    def __call__(self, tag: str, name: str, value: str) -> str | None:
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
        """Where a link or picture leads now. Ids within a text bear our prefix, so fragments do."""
        found = self.links.get(value) or self.links.get(unquote(value))
        if found:
            return found
        address, sharp, fragment = value.partition("#")
        if not address:
            return f"#{_prefixed(fragment)}" if fragment else value
        found = self.links.get(address) or self.links.get(unquote(address))
        if not found or not sharp:
            return found or value
        return f"{found}#{_prefixed(fragment) if found.startswith('/') else fragment}"


def _prefixed(fragment: str) -> str:
    return fragment if fragment.startswith(PREFIX) else PREFIX + fragment


def _is_safe(address: str) -> bool:
    scheme = SCHEME.match(re.sub(r"[\x00-\x20]", "", address))
    return scheme is None or scheme[1].lower() in SCHEMES


def _is_class(tag: str, word: str) -> bool:
    if tag == "span" and word in CLASSES:
        return True
    return word in OUR_CLASSES or (tag == "code" and LANGUAGE.fullmatch(word) is not None)


class Finish:
    """Goes through sanitised HTML once: adds what is ours, gathers what it points to."""

    def __init__(self, sizes: Mapping[str, tuple[int, int]]) -> None:
        self.sizes = sizes
        self.depth = 0
        self.is_in_link = False
        self.pictures: list[str] = []
        self.links: list[str] = []

    def __call__(self, found: re.Match[str]) -> str:
        slash, tag, attributes = found.groups()
        self._count(slash, tag)
        if tag == "table":
            return (
                "</table></div>" if slash else f'<div class="table-scroll" tabindex="0">{found[0]}'
            )
        if tag == "h1":  # the page's one h1 is the title
            return f"<{slash}h2{attributes}>"
        if tag == "a":
            self.is_in_link = not slash
            self._link(dict(ATTRIBUTE.findall(attributes)))
        if tag == "pre" and not slash:
            return f'<pre{attributes} tabindex="0">'
        return self._picture(dict(ATTRIBUTE.findall(attributes))) if tag == "img" else found[0]

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
        if FAR.match(re.sub(r"[\x00-\x20]", "", address)):
            return self._far_picture(values, address)
        values.setdefault("alt", "")
        values |= {"loading": "lazy", "decoding": "async"} | self._measured(address)
        return "<img" + "".join(f' {name}="{value}"' for name, value in values.items()) + ">"

    def _far_picture(self, values: dict[str, str], address: str) -> str:
        """A link in its place: whoever reads us is not sent to another host unasked."""
        shown = values.get("alt") or escape(address.rpartition("/")[2].partition("?")[0] or address)
        if self.is_in_link:
            return shown
        return f'<a href="{escape(address)}" rel="noopener noreferrer">{shown}</a>'

    def _measured(self, address: str) -> dict[str, str]:
        """What lets a browser keep the room for a picture of ours, and choose the narrow one."""
        if address not in self.sizes:
            return {}
        width, height = self.sizes[address]
        room = {"width": str(width), "height": str(height)}
        if width <= NARROW:
            return room
        both = f"{narrow(address)} {NARROW}w, {address} {width}w"
        return room | {"srcset": escape(both), "sizes": SHOWN}


def narrow(address: str) -> str:
    """The name or address of the narrow one beside a picture of ours."""
    return f"{address.rpartition('.')[0]}-{NARROW}.webp"
