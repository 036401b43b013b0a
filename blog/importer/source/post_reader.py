"""Reads a text file of Jekyll, Hexo, Hugo, Zola or Pelican into a `SourcePost`."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cached_property
from typing import Literal, TypedDict

from blog.config import N_
from blog.importer.addresses.old_addresses import OldAddresses, PostNames
from blog.importer.rst import converter
from blog.importer.source import dates, front_matter, inference
from blog.importer.source.fields import FALSE, TRUE, Fields
from blog.importer.source.scanner import TextFile, Unreadable
from blog.importer.source.source_post import Remark, SourcePost
from blog.markup import language_of, slugify
from blog.models.posts.content import FIELDS, REVISED, Values

REPOSITORY_FILES = frozenset(
    {"readme", "license", "licence", "contributing", "changelog", "code_of_conduct", "security"}
)
PAGE_NAMES = frozenset({"about", "about-me", "contact", "links", "friends", "now", "uses"})
GENERATED = frozenset({"tags", "categories", "archives", "archive", "search", "home", "404"})
DRAFT_STATUSES = frozenset({"draft", "private", "pending", "trash"})
SUMMARY_BEFORE_0_5 = ("summary", "description", "excerpt", "subtitle")
LANGUAGE_SUFFIX = re.compile(r"(.+)\.(en|zh)((?:[-_][a-z]+)?)\Z", re.I)


@dataclass(frozen=True)
class GeneratorDefaults:
    """Settings for reading the posts of one collection.

    `zone` applies to dates without a zone, `pattern` makes addresses, and `roots` are the folders
    that contain a `_posts` folder of Jekyll or Hexo.
    """

    zone: tzinfo = UTC
    pattern: str = ""
    roots: frozenset[tuple[str, ...]] = frozenset()


def roots_of(files: list[TextFile]) -> frozenset[tuple[str, ...]]:
    """Return the folders that contain `_posts`. Other files in them are pages."""
    paths = (file.parents for file in files)
    return frozenset(tuple(path[: path.index("_posts")]) for path in paths if "_posts" in path)


def read_post(file: TextFile, text: str, sha256: str, defaults: GeneratorDefaults) -> SourcePost:
    """Read the post in `text`. Raises `Unreadable`, with the reason, if it is not a post."""
    return _Reader(file, text, sha256, defaults).post()


class _PostPaths(TypedDict):
    """The attributes of a source post about its addresses on the old site."""

    path: str | None
    aliases: list[str]
    guesses: list[str]


class _Reader:
    """Reads one file and collects remarks."""

    def __init__(self, file: TextFile, text: str, sha256: str, defaults: GeneratorDefaults) -> None:
        self.file, self.sha256, self.defaults = file, sha256, defaults
        self.front_matter = front_matter.split(text)
        self.remarks: list[Remark] = []
        self.body = self.front_matter.body
        self.source_rst = ""
        self.fields = Fields(
            self._converted() if file.is_restructured else self.front_matter.fields
        )
        self._parse_name()
        if self.front_matter.fault:
            fault = self.front_matter.fault
            self.remark("front matter", N_("The front matter is invalid: %(fault)s"), fault=fault)

    def remark(self, kind: str, message: str, **params: str) -> None:
        """Add a remark. `message` is marked with `N_`."""
        self.remarks.append(Remark(self.file.name, message, params, kind))

    def _converted(self) -> dict[str, object]:
        """Convert the body to Markdown. Returns its docinfo, overridden by the front matter."""
        document = converter.to_markdown(self.body)
        self.source_rst, self.body = self.body, document.markdown
        for message, params in document.losses:
            self.remark("text", message, **params)
        return {"title": document.title, **document.fields, **self.front_matter.fields}

    def _parse_name(self) -> None:
        """Split the file name into language, date and name; a bundle is named by its folder."""
        stem = self.file.name.rsplit("/", 1)[-1].rsplit(".", 1)[0]
        match = LANGUAGE_SUFFIX.match(stem)
        stem, self.name_language = (match[1], match[2] + match[3]) if match else (stem, "")
        self.is_bundle = stem.lower() == "index" and bool(self.file.parents)
        self.stem = self.file.parents[-1] if self.is_bundle else stem
        self.name_date, self.bare = dates.from_name(self.stem, self.defaults.zone)

    def post(self) -> SourcePost:
        """Return the post. Raises `Unreadable`."""
        self._check()
        withdrawn = self.fields.switch("withdrawn") is True
        draft, is_listed = self._visibility()
        return SourcePost(
            file=self.file.name,
            sha256=self.sha256,
            kind=self.kind,
            summary_before_0_5=self.fields.copy().text(*SUMMARY_BEFORE_0_5),
            content=self._content(is_listed=is_listed),
            date=self.date.astimezone(UTC) if self.date else None,
            updated=self._updated(),
            authors=self.fields.names("authors", "author"),
            tags=self.tags,
            draft=draft or withdrawn,
            withdrawn=withdrawn,
            source_rst=self.source_rst,
            **self._paths(),
            guid=self._guid(),
            links=self._links(),
            extra=self.fields.rest,
            remarks=self.remarks,
        )

    def _content(self, *, is_listed: bool) -> Values:
        """Return each content field: the first of its keys, unless it is read in its own way."""
        special: Values = {
            "title": self.title,
            "slug": self.slug,
            "body": self.body,
            "language": self._language(),
            "cover": self.fields.picture(*FIELDS["cover"].front_matter),
            "is_listed": is_listed,
            "takes_comments": self._takes_comments(),
        }
        return {
            name: special[name] if name in special else self.fields.text(*field.front_matter)
            for name, field in REVISED.items()
        }

    def _paths(self) -> _PostPaths:
        shape = self.front_matter.shape
        addresses = OldAddresses(self.fields, self._names(), self.remark)
        path = addresses.live(shape, self.defaults.pattern if self.kind == "post" else "")
        guesses = [] if path else addresses.guesses(shape)
        return {"path": path, "aliases": addresses.aliases(path), "guesses": guesses}

    def _check(self) -> None:
        """Raise `Unreadable` for section indexes, generated pages, READMEs and the like."""
        name = self.stem.lower()
        if name == "_index":
            raise Unreadable(N_("It is the index page of a section of the old site, not a post."))
        if name == "index" and not self.file.parents and self.front_matter.shape != "none":
            raise Unreadable(N_("It is the front page of the old site."))
        if name in REPOSITORY_FILES and self.front_matter.shape == "none":
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
        """Whether the file has the layout of Jekyll; Hexo keeps its posts in `source/_posts`.

        Jekyll splits a string of tags at its blanks, Hexo does not.
        """
        parents = self.file.parents
        return "_posts" in parents and "source" not in parents

    @cached_property
    def is_filed(self) -> bool:
        """Whether the file is in a folder for posts or drafts of Jekyll or Hexo."""
        return bool({"_posts", "_drafts"}.intersection(self.file.parents))

    @cached_property
    def kind(self) -> Literal["post", "page"]:
        """The kind in the front matter, else inferred from layout, folder and file name."""
        kind = self.fields.one_of("kind", "post", "page")
        if kind:
            return "page" if kind == "page" else "post"
        beside_posts = any(
            tuple(self.file.parents[: len(root)]) == root for root in self.defaults.roots
        )
        has_page_name = self.stem.lower() in PAGE_NAMES and self.date is None
        is_page = self._layout == "page" or "pages" in self.file.parents or has_page_name
        return "page" if not self.is_filed and (is_page or beside_posts) else "post"

    @cached_property
    def title(self) -> str:
        """The title in the front matter, else the first heading, else the file name."""
        title = self.fields.text(*FIELDS["title"].front_matter)
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
        """The last segment of the slug in the front matter, or ""."""
        return self.fields.text(*FIELDS["slug"].front_matter).strip("/").rsplit("/", 1)[-1]

    @cached_property
    def slug(self) -> str:
        """The slug in the front matter, else one made from the file name."""
        return slugify(self.typed_slug or self.bare)

    @cached_property
    def date(self) -> datetime | None:
        """The date in the front matter, else in the file name, else in the address, else None."""
        text = self.fields.text("date", "publishdate", "pubdate", "created", "created-at")
        date = dates.parse(text, self.defaults.zone)
        if text and not date:
            self.remark("date", N_("The date %(date)s could not be parsed."), date=text[:60])
        address = self.fields.peek("path", "url", "permalink")
        return date or self.name_date or dates.from_path(address, self.defaults.zone)

    def _updated(self) -> datetime | None:
        text = self.fields.text(
            "updated", "lastmod", "modified", "last-modified-at", "last-updated", "updated-at"
        )
        date = dates.parse(text, self.defaults.zone)
        return date.astimezone(UTC) if date else None

    def _visibility(self) -> tuple[bool, bool]:
        """Return whether the post is a draft, and whether lists show it."""
        fields, status = self.fields, self.fields.text("status").lower()
        draft = fields.switch("draft") is True or status in DRAFT_STATUSES
        unpublished = fields.switch("published") is False
        hidden = fields.switch(*FIELDS["is_listed"].front_matter) is True or status == "hidden"
        return draft or unpublished or "_drafts" in self.file.parents, not hidden

    def _takes_comments(self) -> bool:
        value = self.fields.one_of("comments", *TRUE, *FALSE)
        return value in TRUE if value else self.kind == "post"

    def _links(self) -> dict[str, str]:
        """Return the map from old target to new address that an export contains."""
        if not isinstance(self.fields.remaining.get("links"), dict):
            return {}
        table = self.fields.take("links")
        if not isinstance(table, dict):
            return {}
        return {old: new for old, new in table.items() if isinstance(new, str)}

    def _language(self) -> str:
        typed = self.fields.text(*FIELDS["language"].front_matter) or self.name_language
        language = inference.language(typed)
        if typed and not language:
            self.remark(
                "language", N_("The language %(language)s is not supported."), language=typed
            )
        return language or language_of(self.title, self.body) or "en"

    def _names(self) -> PostNames:
        return PostNames(
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
        """Return the id in the front matter if it can be the id of a feed entry: a URL or a URN."""
        guid = self.fields.text("guid", "id")
        return guid if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:\S+\Z", guid) else ""

    @cached_property
    def tags(self) -> list[str]:
        """Tags and categories, without duplicates that differ only in case."""
        names = [
            *self.fields.names(*FIELDS["tags"].front_matter, words=self.is_jekyll),
            *self.categories,
        ]
        unique: dict[str, str] = {}
        for name in names:
            unique.setdefault(name.casefold(), name)
        return list(unique.values())

    @cached_property
    def categories(self) -> list[str]:
        """The categories in the front matter."""
        return self.fields.names("categories", "category", words=self.is_jekyll)
