"""Validation of guest names in comments: readable, and not the name of a user or the site."""

import unicodedata

from sqlalchemy import select
from sqlalchemy.orm import Session

from blog.config import N_
from blog.models.base import Refusal
from blog.models.search.tokenizer import fold
from blog.models.settings import site
from blog.models.users.user import User

LONGEST_NAME = 60
MOST_MARKS = 2  # combining marks on one letter; stacks of them overlap the lines above
# Invisible characters that Unicode nevertheless classes as letters or symbols.
BLANK = dict.fromkeys((0x115F, 0x1160, 0x2800, 0x3164, 0xFFA0))
# Cyrillic and Greek letters that look like Latin ones.
LOOKALIKES = str.maketrans("аеорсухіјѕԁһӏѵοαρνικυτ", "aeopcyxijsdhlvoapvikut")


def name_of(typed: str) -> str:
    """Return the name as it is shown: one line without invisible or direction characters."""
    text = unicodedata.normalize("NFC", typed).translate(BLANK)
    visible = "".join(c for c in text if c.isspace() or unicodedata.category(c)[0] != "C")
    return " ".join(_limit_marks(visible).split())


def _limit_marks(text: str) -> str:
    """Remove combining marks beyond `MOST_MARKS` on one letter."""
    shown, marks = [], 0
    for character in text:
        marks = marks + 1 if unicodedata.category(character)[0] == "M" else 0
        if marks <= MOST_MARKS:
            shown.append(character)
    return "".join(shown)


def check_name(typed: str) -> None:
    """Raise `Refusal` for a name that is too long or has no visible character."""
    name = name_of(typed)
    if not any(unicodedata.category(character)[0] in "LNS" for character in name):
        raise Refusal(N_("Enter the name to show."), "name")
    if len(name) > LONGEST_NAME:
        raise Refusal(N_("This is longer than %(number)s characters."), "name", number=LONGEST_NAME)


def refuse_impersonation(session: Session, name: str) -> None:
    """Raise `Refusal` for a name that looks like that of a user or of the site."""
    reserved = [site.facts(session).title, *session.scalars(select(User.display_name))]
    if skeleton(name) in {skeleton(other) for other in reserved}:
        raise Refusal(
            N_(
                "An author of this site has this name. If it is you, sign in. Otherwise, add "
                "something to your name."
            ),
            "name",
        )


def skeleton(name: str) -> str:
    """Reduce a name to a form that is equal for names that look alike (as in UTS #39)."""
    folded = fold(fold(name_of(name)).translate(LOOKALIKES))
    return "".join(character for character in folded if character.isalnum())
