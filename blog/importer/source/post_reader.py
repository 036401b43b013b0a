"""A text file of an old blog becomes an `OldPost`, whichever generator it was written for."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cached_property
from typing import Any, Literal

from blog.config import N_
from blog.importer.addresses.old_addresses import Addresses, Names
from blog.importer.rst import converter
from blog.importer.source import dates, front_matter, inference
from blog.importer.source.fields import FALSE, TRUE, Fields
from blog.importer.source.scanner import TextFile, Unreadable
from blog.importer.source.source_post import Remark, SourcePost
from blog.markup import language_of, slugify

ABOUT_THE_FOLDER = frozenset(
    {"readme", "license", "licence", "contributing", "changelog", "code_of_conduct", "security"}
)
USUAL_PAGES = frozenset({"about", "about-me", "contact", "links", "friends", "now", "uses"})
GENERATED = frozenset({"tags", "categories", "archives", "archive", "search", "home", "404"})
UNSHOWN = frozenset({"draft", "private", "pending", "trash"})
IN_A_LANGUAGE = re.compile(r"(.+)\.(en|zh)((?:[-_][a-z]+)?)\Z", re.I)


@dataclass(frozen=True)
class GeneratorDefaults:
    """How a collection is to be read. `roots`: folders in which Jekyll or Hexo keep `_posts`."""

    zone: tzinfo = UTC
    pattern: str = ""
    roots: frozenset[tuple[str, ...]] = frozenset()


def roots_of(files: list[TextFile]) -> frozenset[tuple[str, ...]]:
    """The folders that hold a `_posts`: what else is in them are pages."""
    held = (file.parents for file in files)
    return frozenset(tuple(way[: way.index("_posts")]) for way in held if "_posts" in way)


def read_post(file: TextFile, text: str, sha256: str, habits: GeneratorDefaults) -> SourcePost:
    """The post in this text. Raises `Unreadable` for what is no post, with the reason."""
    return _Reader(file, text, sha256, habits).post()


class _Reader:
    """One file on its way; the remarks are collected as it is read."""

    def __init__(self, file: TextFile, text: str, sha256: str, habits: GeneratorDefaults) -> None:
        self.file, self.sha256, self.habits = file, sha256, habits
        self.found = front_matter.split(text)
        self.remarks: list[Remark] = []
        self.body = self.found.body
        self.typed = ""
        self.fields = Fields(self._translated() if file.is_restructured else self.found.fields)
        self._name_it()
        if self.found.fault:
            fault = self.found.fault
            self.remark("front matter", N_("The front matter is invalid: %(fault)s"), fault=fault)

    def remark(self, kind: str, message: str, **params: str) -> None:
        self.remarks.append(Remark(self.file.name, message, params, kind))

    def _translated(self) -> dict[str, Any]:
        """The body becomes Markdown; its docinfo stands in where there is no front matter."""
        document = converter.to_markdown(self.body)
        self.typed, self.body = self.body, document.markdown
        for message, params in document.losses:
            self.remark("text", message, **params)
        return {"title": document.title, **document.fields, **self.found.fields}

    def _name_it(self) -> None:
        """The name within its folder: a bundle's is its folder's; no day, no language."""
        stem = self.file.name.rsplit("/", 1)[-1].rsplit(".", 1)[0]
        found = IN_A_LANGUAGE.match(stem)
        stem, self.tongue = (found[1], found[2] + found[3]) if found else (stem, "")
        self.is_bundle = stem.lower() == "index" and bool(self.file.parents)
        self.stem = self.file.parents[-1] if self.is_bundle else stem
        self.named_day, self.bare = dates.from_name(self.stem, self.habits.zone)

    def post(self) -> SourcePost:
        self._refuse()
        withdrawn = self.fields.switch("withdrawn") is True
        draft, listed = self._standing()
        return SourcePost(
            file=self.file.name,
            sha256=self.sha256,
            kind=self.kind,
            draft=draft or withdrawn,
            withdrawn=withdrawn,
            listed=listed,
            body=self.body,
            typed=self.typed,
            **self._words(),
            **self._places(),
            guid=self._guid(),
            takes_comments=self._takes_comments(),
            links=self._links(),
            extra=self.fields.rest,
            remarks=self.remarks,
        )

    def _words(self) -> dict[str, Any]:
        """What readers are told of it."""
        return {
            "title": self.title,
            "slug": self.slug,
            "date": self.date.astimezone(UTC) if self.date else None,
            "updated": self._updated(),
            "authors": self.fields.names("authors", "author"),
            "tags": self.tags,
            "summary": self.fields.text("summary", "description", "excerpt", "subtitle"),
            "cover": self.fields.picture(),
            "language": self._language(),
        }

    def _places(self) -> dict[str, Any]:
        """Where it was."""
        shape = self.found.shape
        places = Addresses(self.fields, self._names(), self.remark)
        path = places.live(shape, self.habits.pattern if self.kind == "post" else "")
        guesses = [] if path else places.guesses(shape)
        return {"path": path, "aliases": places.aliases(path), "guesses": guesses}

    def _refuse(self) -> None:
        """What looks like a text and is no post."""
        name = self.stem.lower()
        if name == "_index":
            raise Unreadable(N_("It is the index page of a section of the old site, not a post."))
        if name == "index" and not self.file.parents and self.found.shape != "none":
            raise Unreadable(N_("It is the front page of the old site."))
        if name in ABOUT_THE_FOLDER and self.found.shape == "none":
            raise Unreadable(N_("It describes the folder and is not a post."))
        if not self.body.strip() and (self._layout in GENERATED or not self.fields.peek("title")):
            raise Unreadable(
                N_("It has no text of its own: the old site generated or redirected it.")
            )

    @cached_property
    def _layout(self) -> str:
        return self.fields.peek("type", "layout", "template").lower().removesuffix(".html")

    @cached_property
    def is_jekyll(self) -> bool:
        """Jekyll parts a bare string at its blanks; Hexo, with `source/_posts`, does not."""
        where = self.file.parents
        return "_posts" in where and "source" not in where

    @cached_property
    def is_filed(self) -> bool:
        return bool({"_posts", "_drafts"}.intersection(self.file.parents))

    @cached_property
    def kind(self) -> Literal["post", "page"]:
        said = self.fields.one_of("kind", "post", "page")
        if said:
            return "page" if said == "page" else "post"
        beside_posts = any(
            tuple(self.file.parents[: len(root)]) == root for root in self.habits.roots
        )
        usual = self.stem.lower() in USUAL_PAGES and self.date is None
        page = self._layout == "page" or "pages" in self.file.parents or usual
        return "page" if not self.is_filed and (page or beside_posts) else "post"

    @cached_property
    def title(self) -> str:
        title = self.fields.text("title")
        if title:
            return title
        title = inference.heading(self.body)
        if title:
            self.remark("title", N_("No title is given, so the first heading is used."))
        else:
            self.remark("title", N_("No title is given, so the file name is used."))
        return title or self.bare.replace("-", " ").replace("_", " ").strip() or self.stem

    @cached_property
    def typed_slug(self) -> str:
        return self.fields.text("slug").strip("/").rsplit("/", 1)[-1]

    @cached_property
    def slug(self) -> str:
        return slugify(self.typed_slug or self.bare)

    @cached_property
    def date(self) -> datetime | None:
        """As typed; else from the file's name; else from the address; None where nothing tells."""
        said = self.fields.text("date", "publishdate", "pubdate", "created", "created-at")
        date = dates.parse(said, self.habits.zone)
        if said and not date:
            self.remark("date", N_("The date %(date)s could not be parsed."), date=said[:60])
        typed = self.fields.peek("path", "url", "permalink")
        return date or self.named_day or dates.from_path(typed, self.habits.zone)

    def _updated(self) -> datetime | None:
        said = self.fields.text(
            "updated", "lastmod", "modified", "last-modified-at", "last-updated", "updated-at"
        )
        date = dates.parse(said, self.habits.zone)
        return date.astimezone(UTC) if date else None

    def _standing(self) -> tuple[bool, bool]:
        """Whether it is a draft, and whether lists show it."""
        fields, status = self.fields, self.fields.text("status").lower()
        draft = fields.switch("draft") is True or status in UNSHOWN
        unpublished = fields.switch("published") is False
        hidden = fields.switch("hidden", "unlisted") is True or status == "hidden"
        return draft or unpublished or "_drafts" in self.file.parents, not hidden

    def _takes_comments(self) -> bool:
        said = self.fields.one_of("comments", *TRUE, *FALSE)
        return said in TRUE if said else self.kind == "post"

    def _links(self) -> dict[str, str]:
        """Where an export of ours says that targets lead."""
        if not isinstance(self.fields.left.get("links"), dict):
            return {}
        table = self.fields.take("links") or {}
        return {old: new for old, new in table.items() if isinstance(new, str)}

    def _language(self) -> str:
        typed = self.fields.text("lang", "language", "locale") or self.tongue
        known = inference.spoken(typed)
        if typed and not known:
            self.remark(
                "language", N_("The language %(language)s is not supported."), language=typed
            )
        return known or language_of(self.title, self.body) or "en"

    def _names(self) -> Names:
        return Names(
            file=self.file,
            title=self.title,
            bare=self.bare,
            slug=self.slug,
            typed_slug=self.typed_slug,
            categories=self.categories,
            date=self.date,
            is_filed=self.is_filed,
            is_bundle=self.is_bundle,
        )

    def _guid(self) -> str:
        """Only what can be a feed's entry id: an address or a URN."""
        guid = self.fields.text("guid", "id")
        return guid if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:\S+\Z", guid) else ""

    @cached_property
    def tags(self) -> list[str]:
        """Tags and categories, each once."""
        every = [*self.fields.names("tags", "tag", words=self.is_jekyll), *self.categories]
        unique: dict[str, str] = {}
        for name in every:
            unique.setdefault(name.casefold(), name)
        return list(unique.values())

    @cached_property
    def categories(self) -> list[str]:
        return self.fields.names("categories", "category", words=self.is_jekyll)
