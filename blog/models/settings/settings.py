"""What a keeper decides about the blog, each setting declared once: its type, default and words.

A new one is a `choice` in the module of its group; the page of settings grows by itself. Read it as
`facts(session).settings.x`, in a view as `request.ctx.site.settings.x`, in a template as
`site.settings.x`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from blog.config import N_
from blog.models.base import Refusal
from blog.models.settings.group_appearance import ImprintChoices, LookChoices
from blog.models.settings.group_backups import KeepingChoices
from blog.models.settings.group_comments import CommentChoices
from blog.models.settings.group_reading import ReadingChoices
from blog.models.settings.setting import Setting, declared, setting

__all__ = ["GROUPS", "OWN_PAGE", "Settings", "setting"]

# In the order of the page.
GROUPS = {
    "site": N_("The blog"),
    "reading": N_("Reading"),
    "comments": N_("Comments"),
    "look": N_("Appearance"),
    "mail": N_("Mail"),
    "keeping": N_("Maintenance"),
}
# The appearance has a page of its own, /admin/look (blog/admin/sections/appearance.py).
OWN_PAGE = {"look"}


@dataclass(frozen=True)
class Settings(CommentChoices, ReadingChoices, LookChoices, ImprintChoices, KeepingChoices):
    """Every setting that is kept with the site's row, as pages see it."""

    docs: bool = setting(
        False,
        "keeping",
        N_("Handbook"),
        N_("Show the handbook at /docs to everybody who can sign in."),
    )

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        """What was kept. A setting that is new has its default, and so has one whose value cannot
        be any more: no page, and not the office either, may break on it."""
        return cls(**{one.name: kept[one.name] for one in declared(Settings) if _fits(one, kept)})


def _fits(one: Setting, kept: Mapping[str, Any]) -> bool:
    if one.name not in kept:
        return False
    try:
        one.refuse(kept[one.name])
    except Refusal:
        return False
    return True
