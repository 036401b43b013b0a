"""The sections of the admin area, one module each."""

from blog.admin.sections import (  # noqa: F401 -- importing a module declares its section
    addresses,
    appearance,
    audit,
    comments,
    invitations,
    pages,
    people,
    pictures,
    posts,
    redirects,
    settings,
    tags,
)
