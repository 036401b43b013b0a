"""The content of a post, declared once: every place that handles it takes its fields from here.

The columns of `Content` make up the working copy of a post and each of its revisions. What a column
carries besides its type tells the edit form, the revision history, the audit log, cards, exports
and imports how to treat it. A new field needs a column here, a migration that adds it to the tables
`post` and `revision`, and, where readers see it, a place in the templates and in `Card`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, MappedColumn, mapped_column

from blog.config import LANGUAGES, N_

Value = str | bool
Values = dict[str, Value]  # by the name of the field
Control = Literal["text", "textarea", "select", "checkbox"]
# The part of the edit page that has the field.
Part = Literal["text", "about", "tags", "settings", "pictures"]

LONGEST_STRING = 5000  # characters; longer texts are in columns without a limit


@dataclass(frozen=True)
class ContentField:
    """How one field is entered, compared, shown, exported and imported.

    `label` and `hint` are marked with `N_`. `longest` is in characters; a check box has no limit.
    A `compared` field is shown in the revision history, and restored with a revision. A field
    `on_cards` is shown where posts are listed. One that is `searched` is found like the text.
    `front_matter` holds the keys under which an import looks for the field, in lower case with
    hyphens, in this order; an export writes the first one unless `exported_as` names another.
    """

    label: str
    control: Control
    entered: Part
    hint: str = ""
    longest: int = 0
    choices: tuple[str, ...] = ()
    compared: bool = False
    on_cards: bool = False
    searched: bool = False
    front_matter: tuple[str, ...] = ()
    exported_as: str = ""
    name: str = ""

    @property
    def key(self) -> str:
        """The front-matter key under which an export writes the field."""
        return self.exported_as or self.front_matter[0]

    def key_in(self, front_matter: Iterable[str]) -> str:
        """Return the key, as it is spelled there, that an import would read first, or ""."""
        spellings = {normalized_key(key): key for key in reversed(list(front_matter))}
        return next((spellings[key] for key in self.front_matter if key in spellings), "")

    def shortened(self, value: Value) -> Value:
        """Return a text without what exceeds its limit, and any other value unchanged."""
        return value[: self.longest] if isinstance(value, str) else value


def normalized_key(key: str) -> str:
    """Return a front-matter key in lower case with hyphens: `Header_Img` is `header-img`."""
    return key.strip().lower().replace("_", "-")


def text_column(field: ContentField, *, column_length: int = 0) -> MappedColumn[str]:
    """Return a column for a text, which is empty at first unless it has choices."""
    is_string = field.longest <= LONGEST_STRING
    type_ = String(column_length or field.longest) if is_string else Text()
    if field.choices:
        return mapped_column(type_, info={"content": field})
    return mapped_column(type_, default="", info={"content": field})


def switch_column(field: ContentField) -> MappedColumn[bool]:
    """Return a column for a check box, which is ticked at first."""
    return mapped_column(default=True, info={"content": field})


class Content:
    """The columns that the working copy of a post and its revisions share."""

    title: Mapped[str] = text_column(
        ContentField(
            label=N_("Title"),
            control="text",
            entered="text",
            longest=300,
            compared=True,
            on_cards=True,
            front_matter=("title",),
        )
    )
    subtitle: Mapped[str] = text_column(
        ContentField(
            label=N_("Subtitle"),
            control="text",
            entered="text",
            longest=300,
            compared=True,
            on_cards=True,
            searched=True,
            front_matter=("subtitle", "sub-title"),
        )
    )
    body: Mapped[str] = text_column(
        ContentField(
            label=N_("Text"), control="textarea", entered="text", longest=500_000, compared=True
        )
    )
    summary: Mapped[str] = text_column(
        ContentField(
            label=N_("Summary"),
            control="textarea",
            entered="about",
            hint=N_("One or two sentences, shown in lists, feeds and search results."),
            longest=2000,
            compared=True,
            front_matter=("summary", "description", "excerpt"),
        )
    )
    slug: Mapped[str] = text_column(
        ContentField(
            label=N_("Slug"),
            control="text",
            entered="settings",
            hint=N_(
                "The last part of the address. If you leave it empty, it is made from the title."
            ),
            longest=200,
            front_matter=("slug",),
        ),
        column_length=300,
    )
    language: Mapped[str] = text_column(
        ContentField(
            label=N_("Language"),
            control="select",
            entered="settings",
            longest=10,
            choices=tuple(LANGUAGES),
            compared=True,
            on_cards=True,
            front_matter=("lang", "language", "locale"),
            exported_as="language",
        )
    )
    cover: Mapped[str] = text_column(
        ContentField(
            label=N_("Cover"),
            control="text",
            entered="pictures",
            hint=N_("The address of a picture. Leave it empty for no cover."),
            longest=1000,
            compared=True,
            on_cards=True,
            front_matter=(
                *("cover", "image", "header-img", "featured-image", "featuredimage"),
                *("feature-image", "thumbnail", "banner", "images", "hero", "og-image", "top-img"),
            ),
        )
    )
    is_listed: Mapped[bool] = switch_column(
        ContentField(
            label=N_("Listed"),
            control="checkbox",
            entered="settings",
            hint=N_("If this is off, only people who have the address can find it."),
            on_cards=True,
            front_matter=("hidden", "unlisted"),
            exported_as="unlisted",
        )
    )
    takes_comments: Mapped[bool] = switch_column(
        ContentField(
            label=N_("Comments"),
            control="checkbox",
            entered="settings",
            hint=N_("Readers can comment on it. If you turn this off, existing comments stay."),
            front_matter=("comments",),
        )
    )


class WorkingContent(Content):
    """The columns of a working copy. A revision stores its tags in rows of their own."""

    tags: Mapped[str] = text_column(
        ContentField(
            label=N_("Tags"),
            control="text",
            entered="tags",
            hint=N_("Separated by commas."),
            longest=2500,
            front_matter=("tags", "tag"),
        )
    )


def _declared(columns: type) -> dict[str, ContentField]:
    """Return the fields that a class declares, in their order, by name."""
    return {
        name: replace(column.column.info["content"], name=name)
        for name, column in vars(columns).items()
        if isinstance(column, MappedColumn)
    }


REVISED = _declared(Content)  # the fields of a revision
FIELDS = {**REVISED, **_declared(WorkingContent)}  # those of a working copy


def values_of(row: Content) -> Values:
    """Return the content of a working copy or a revision, without tags."""
    return {name: getattr(row, name) for name in REVISED}
