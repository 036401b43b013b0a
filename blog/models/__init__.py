"""The nouns of the blog: tables, rules and queries. No web, no disk, no network."""

from blog.models import (  # every table is known once the package is imported
    address,
    attempt,
    base,
    change,
    comment,
    delivery,
    moderation,
    post,
    revision,
    signin,
    site,
    spam,
    spam_learning,
    tag,
    upload,
    user,
)

__all__ = [
    "address",
    "attempt",
    "base",
    "change",
    "comment",
    "delivery",
    "moderation",
    "post",
    "revision",
    "signin",
    "site",
    "spam",
    "spam_learning",
    "tag",
    "upload",
    "user",
]
