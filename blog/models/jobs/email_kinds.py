"""The kinds of email that the blog sends. A new email is declared here.

Each kind has templates of its name in templates/mail/. The model that causes an email queues it
with `outbox.enqueue`.
"""

# The kinds of email, and the facts that their templates need.
KINDS = {
    "reset": {"name", "path"},
    "invitation": {"by", "role", "path"},
    "comment_waits": {"title", "author", "text", "path"},
    "answered": {"title", "author", "text", "path"},
    "password_changed": {"name", "at", "ip"},
    "test": set[str](),
}
# Kinds that the recipient can unsubscribe from with one click.
UNSUBSCRIBABLE = {"answered"}
