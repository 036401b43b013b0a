"""The settings for comments and spam: a new one is declared here."""

from dataclasses import dataclass

from blog.config import N_
from blog.models.settings.setting import setting


@dataclass(frozen=True)
class CommentSettings:
    """Settings of the group "comments"."""

    comments: str = setting(
        "open",
        "comments",
        N_("Comments"),
        N_("Who may comment on a post, unless the post has its own setting."),
        options={"open": N_("Everybody"), "closed": N_("Nobody")},
    )
    comments_days: int = setting(
        0,
        "comments",
        N_("Close comments after"),
        N_("Days after which a post no longer accepts comments; 0 never closes them."),
        most=36_500,
    )
    comments_trust: bool = setting(
        False,
        "comments",
        N_("Trust known commenters"),
        N_(
            "New comments from people with an approved comment appear immediately. Users are "
            "recognized by their account; guests by a cookie in their browser, with the same "
            "name and email address."
        ),
    )
    comments_waiting: int = setting(
        20,
        "comments",
        N_("Pending comments per hour"),
        N_(
            "How many comments of unknown guests may enter the moderation queue per hour; "
            "further guests are asked to try again later. This limits the work that a flood "
            "of spam can cause."
        ),
        least=1,
        most=1000,
    )
    comments_words: str = setting(
        "",
        "comments",
        N_("Spam words"),
        N_(
            "One word, phrase or host per line. A comment that contains any of them is "
            "marked as spam."
        ),
        kind="lines",
    )
