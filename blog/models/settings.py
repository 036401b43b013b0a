"""What a keeper decides about the blog, each setting declared once: its type, default and words."""

from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any, Self

from blog.config import N_
from blog.models.base import Refusal


def choice(default: Any, group: str, label: str, help: str, **more: Any) -> Any:
    """A setting of the office. `more` may name `options` (value to label) and a `check`."""
    return field(default=default, metadata={"group": group, "label": label, "help": help, **more})


def check_waiting(number: int) -> None:
    if not 1 <= number <= 1000:
        raise Refusal(N_("Let between 1 and 1000 comments wait."))


@dataclass(frozen=True)
class Settings:
    """Every setting that is kept with the site's row, as pages see it."""

    comments: str = choice(
        "open",
        "comments",
        N_("Comments"),
        N_("Who may comment on a post, unless the post says otherwise."),
        options={"open": N_("Everybody"), "closed": N_("Nobody")},
    )
    comments_days: int = choice(
        0,
        "comments",
        N_("Close after"),
        N_("Days after which a post takes no comments any more; 0 leaves it open."),
    )
    comments_trust: bool = choice(
        False,
        "comments",
        N_("Trust known writers"),
        N_("Who had a comment approved before passes at once."),
    )
    comments_waiting: int = choice(
        20,
        "comments",
        N_("Waiting at most"),
        N_(
            "How many comments of unknown guests may come into the queue in an hour before "
            "further ones are asked to try later: what a flood of spam costs you at most."
        ),
        check=check_waiting,
    )
    comments_words: str = choice(
        "",
        "comments",
        N_("Words of spam"),
        N_("One word, phrase or host on each line. A comment with any of them goes to the spam."),
        kind="lines",
    )

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        """What was kept; a setting that is new, or was kept with another type, has its default."""
        return cls(**{one.name: kept[one.name] for one in fields(cls) if _fits(one, kept)})


def _fits(one: Field[Any], kept: Mapping[str, Any]) -> bool:
    return one.name in kept and type(kept[one.name]) is type(one.default)
