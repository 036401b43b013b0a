"""What a keeper decides about comments and spam."""

from dataclasses import dataclass

from blog.config import N_
from blog.models.choice import choice


@dataclass(frozen=True)
class CommentChoices:
    """The settings of the group "comments"."""

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
        most=36_500,
    )
    comments_trust: bool = choice(
        False,
        "comments",
        N_("Trust known writers"),
        N_(
            "Who had a comment approved before passes at once: people by their sign-in, guests by "
            "the cookie in their browser, under the same name and mail address."
        ),
    )
    comments_waiting: int = choice(
        20,
        "comments",
        N_("Waiting at most"),
        N_(
            "How many comments of unknown guests may come into the queue in an hour before "
            "further ones are asked to try later: what a flood of spam costs you at most."
        ),
        least=1,
        most=1000,
    )
    comments_words: str = choice(
        "",
        "comments",
        N_("Words of spam"),
        N_("One word, phrase or host on each line. A comment with any of them goes to the spam."),
        kind="lines",
    )
