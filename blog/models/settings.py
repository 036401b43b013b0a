"""What a keeper decides about the blog, each setting declared once: its type, default and words.

A new one is a `choice` in the module of its group; the page of settings grows by itself. Read it as
`facts(session).settings.x`, in a view as `request.ctx.site.settings.x`, in a template as
`site.settings.x`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from blog.config import N_
from blog.models.choice import Choice, choice, declared
from blog.models.choices_of_comments import CommentChoices
from blog.models.choices_of_keeping import KeepingChoices
from blog.models.choices_of_look import ImprintChoices, LookChoices
from blog.models.choices_of_reading import ReadingChoices

__all__ = ["GROUPS", "OWN_PAGE", "Settings", "choice"]

# In the order of the page.
GROUPS = {
    "site": N_("The blog"),
    "reading": N_("For readers"),
    "comments": N_("Comments"),
    "look": N_("Look"),
    "mail": N_("Mail"),
    "keeping": N_("Keeping"),
}
# The look has a page of its own with a picture of the blog, /admin/look (blog/admin/look.py).
OWN_PAGE = {"look"}


@dataclass(frozen=True)
class Settings(CommentChoices, ReadingChoices, LookChoices, ImprintChoices, KeepingChoices):
    """Every setting that is kept with the site's row, as pages see it."""

    docs: bool = choice(
        False,
        "keeping",
        N_("Handbook"),
        N_("Show the handbook of this program under /docs, for whoever writes or keeps here."),
    )

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        """What was kept; a setting that is new, or was kept with another type, has its default."""
        return cls(**{one.name: kept[one.name] for one in declared(cls) if _fits(one, kept)})


def _fits(one: Choice, kept: Mapping[str, Any]) -> bool:
    return one.name in kept and type(kept[one.name]) is one.type
