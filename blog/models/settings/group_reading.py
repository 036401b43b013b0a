"""The settings for reading and addresses: a new one is declared here."""

from dataclasses import dataclass

from blog.config import N_
from blog.models.posts import path_pattern
from blog.models.settings.setting import setting


@dataclass(frozen=True)
class ReadingSettings:
    """Settings of the group "reading"."""

    post_address: str = setting(
        path_pattern.DEFAULT_PATTERN,
        "reading",
        N_("Address of new posts"),
        N_(
            "Made of {year}, {month}, {day} and {slug}, such as /{year}/{month}/{slug}. "
            "Published posts keep their addresses."
        ),
        most=200,
        check=path_pattern.check,
    )
