"""Database tables, business rules and queries. This package knows no web, disk or network."""

from blog.models.addresses import address
from blog.models.audit import change_log
from blog.models.comments import comment, moderation, spam, spam_learning, unsubscribe
from blog.models.jobs import lease, outbox
from blog.models.posts import post, revision
from blog.models.settings import site
from blog.models.tags import tag
from blog.models.uploads import upload
from blog.models.users import device, invitation, login_throttle, password_reset, signin, user

# Every module that defines a table. Importing this package registers all tables with `Base`.
TABLE_MODULES = (
    address,
    change_log,
    comment,
    device,
    invitation,
    lease,
    login_throttle,
    moderation,
    outbox,
    password_reset,
    post,
    revision,
    signin,
    site,
    spam,
    spam_learning,
    tag,
    unsubscribe,
    upload,
    user,
)
