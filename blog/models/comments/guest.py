"""What a guest calls themselves: a name that can be read, and that nobody of the house bears."""

import unicodedata

from sqlalchemy import select
from sqlalchemy.orm import Session

from blog.config import N_
from blog.models.base import Refusal
from blog.models.search.tokenizer import fold
from blog.models.settings import site
from blog.models.users.user import User

LONGEST_NAME = 60
MOST_MARKS = 2  # accents on one letter; more of them would climb out of their line
# Letters by their category, and yet there is nothing to be seen.
BLANK = dict.fromkeys((0x115F, 0x1160, 0x2800, 0x3164, 0xFFA0))
# Cyrillic and Greek letters that look like Latin ones.
LOOKALIKES = str.maketrans("аеорсухіјѕԁһӏѵοαρνικυτ", "aeopcyxijsdhlvoapvikut")


def name_of(typed: str) -> str:
    """The name as it is shown: one line, nothing invisible, nothing that turns the line round."""
    text = unicodedata.normalize("NFC", typed).translate(BLANK)
    seen = "".join(c for c in text if c.isspace() or unicodedata.category(c)[0] != "C")
    return " ".join(_without_towers(seen).split())


def _without_towers(text: str) -> str:
    """At most so many marks on one letter."""
    shown, marks = [], 0
    for character in text:
        marks = marks + 1 if unicodedata.category(character)[0] == "M" else 0
        if marks <= MOST_MARKS:
            shown.append(character)
    return "".join(shown)


def check_name(typed: str) -> None:
    name = name_of(typed)
    if not any(unicodedata.category(character)[0] in "LNS" for character in name):
        raise Refusal(N_("Enter the name to show."), "name")
    if len(name) > LONGEST_NAME:
        raise Refusal(N_("This is longer than %(number)s characters."), "name", number=LONGEST_NAME)


def refuse_borrowed(session: Session, name: str) -> None:
    """Nobody signs as the blog itself or as one who writes here, however it is spelled."""
    known = [site.facts(session).title, *session.scalars(select(User.display_name))]
    if skeleton(name) in {skeleton(one) for one in known}:
        raise Refusal(
            N_(
                "An author of this site has this name. If it is you, sign in. Otherwise, add "
                "something to your name."
            ),
            "name",
        )


def skeleton(name: str) -> str:
    """What names that look alike share."""
    folded = fold(fold(name_of(name)).translate(LOOKALIKES))
    return "".join(character for character in folded if character.isalnum())
