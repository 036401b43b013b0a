"""Labels for the audit log: of actions, and of the tables and columns that they change."""

from collections.abc import Mapping
from dataclasses import dataclass

from blog.config import N_
from blog.models.audit.audit import LogEntry
from blog.models.posts.content import FIELDS
from blog.models.settings import setting_history
from blog.models.settings.save_settings import SETTINGS


@dataclass(frozen=True)
class ActionLabel:
    """The label of an action, and the kind (table) of the rows that it is about."""

    text: str
    kind: str = ""


ACTION_LABELS: Mapping[str, ActionLabel] = {
    "post.start": ActionLabel(N_("created the draft"), "post"),
    "post.save": ActionLabel(N_("saved"), "post"),
    "post.publish": ActionLabel(N_("published"), "post"),
    "post.unpublish": ActionLabel(N_("unpublished"), "post"),
    "post.trash": ActionLabel(N_("moved to trash"), "post"),
    "post.restore": ActionLabel(N_("restored from trash"), "post"),
    "post.delete_permanently": ActionLabel(N_("permanently deleted"), "post"),
    "post.restore_revision": ActionLabel(N_("restored an earlier revision of"), "post"),
    "post.open_preview": ActionLabel(N_("created a preview link for"), "post"),
    "post.close_preview": ActionLabel(N_("revoked the preview link of"), "post"),
    "post.import": ActionLabel(N_("imported"), "post"),
    "post.change_address": ActionLabel(N_("changed the address of"), "post"),
    "picture.upload": ActionLabel(N_("uploaded"), "upload"),
    "picture.delete": ActionLabel(N_("deleted the picture"), "upload"),
    "tag.rename": ActionLabel(N_("renamed the tag"), "tag"),
    "tag.merge": ActionLabel(N_("merged the tag"), "tag"),
    "tag.delete": ActionLabel(N_("deleted the tag"), "tag"),
    "redirect.add": ActionLabel(N_("added the redirect"), "address"),
    "redirect.remove": ActionLabel(N_("removed the redirect"), "address"),
    "comment.submit": ActionLabel(N_("submitted a comment as"), "comment"),
    "comment.reply": ActionLabel(N_("replied to a comment as"), "comment"),
    "comment.approve": ActionLabel(N_("approved the comment of"), "comment"),
    "comment.reject": ActionLabel(N_("rejected the comment of"), "comment"),
    "comment.mark_as_spam": ActionLabel(N_("marked as spam the comment of"), "comment"),
    "comment.moderate": ActionLabel(N_("moderated the comment of"), "comment"),
    "comment.undo_moderation": ActionLabel(N_("undid the moderation of the comment of"), "comment"),
    "user.create": ActionLabel(N_("added the person"), "user"),
    "user.edit_profile": ActionLabel(N_("changed the profile of"), "user"),
    "user.set_role": ActionLabel(N_("changed the role of"), "user"),
    "user.set_password": ActionLabel(N_("reset the password of"), "user"),
    "user.disable": ActionLabel(N_("disabled the account of"), "user"),
    "user.enable": ActionLabel(N_("enabled the account of"), "user"),
    "user.edit": ActionLabel(N_("changed the profile of"), "user"),
    "user.revoke_access": ActionLabel(N_("disabled the account of"), "user"),
    "password.assign": ActionLabel(N_("set a new password for"), "user"),
    "password.change": ActionLabel(N_("changed their own password"), ""),
    "password.reset": ActionLabel(N_("reset a forgotten password"), "user"),
    "password.request_reset": ActionLabel(N_("requested a password reset")),
    "password.create_reset_link": ActionLabel(N_("created a password reset link for"), "user"),
    "invitation.create": ActionLabel(N_("invited"), "invitation"),
    "invitation.revoke": ActionLabel(N_("revoked the invitation of"), "invitation"),
    "invitation.accept": ActionLabel(N_("accepted an invitation"), "user"),
    "session.open": ActionLabel(N_("signed in")),
    "session.start": ActionLabel(N_("signed in")),
    "session.end": ActionLabel(N_("signed out")),
    "session.revoke": ActionLabel(N_("ended one of their own sessions")),
    "session.revoke_all": ActionLabel(N_("ended all their other sessions")),
    "access.deny_sign_in": ActionLabel(N_("failed to sign in as"), "signin"),
    "access.deny_page": ActionLabel(N_("was denied access to"), "door"),
    "site.set_up": ActionLabel(N_("set up the blog")),
    "user.create_admin": ActionLabel(N_("created the admin"), "user"),
    "site.create": ActionLabel(N_("created the blog"), ""),
    "settings.save": ActionLabel(N_("changed the settings"), "site"),
    # In old entries only; no function declares it any more.
    "settings.change": ActionLabel(N_("changed the settings"), "site"),
    "settings.restore": ActionLabel(N_("restored a setting"), "site"),
    "mail.claim": ActionLabel(N_("started sending an email"), "delivery"),
    "mail.deliver": ActionLabel(N_("sent an email"), "delivery"),
    "mail.fail": ActionLabel(N_("failed to send an email"), "delivery"),
    "mail.unsubscribe": ActionLabel(N_("unsubscribed from reply notices")),
    "post.announce": ActionLabel(N_("announced the publication of"), "post"),
    "mail.postpone": ActionLabel(N_("postponed emails"), "delivery"),
    "mail.expire": ActionLabel(N_("discarded expired emails"), "delivery"),
    "comment.delete_old_spam": ActionLabel(N_("deleted old spam"), "comment"),
    "comment.import": ActionLabel(N_("imported a comment"), "comment"),
    "redirect.import": ActionLabel(N_("imported a redirect"), "address"),
    "user.import": ActionLabel(N_("imported authors"), "user"),
    "retention.delete_expired": ActionLabel(N_("deleted expired data")),
}

# Actions that leave no visible entry: counters, leases, the search index, use of a session.
UNLOGGED = {
    "attempt.clear",
    "attempt.count",
    "attempt.count_reset_request",
    "lease.release",
    "lease.take",
    "retention.forget_addresses",
    "search.rebuild",
    "session.seen",
    "site.read",
    "spam.delete_expired",
}

KINDS: Mapping[str, str] = {
    "post": N_("Post"),
    "post_author": N_("Post author"),
    "revision": N_("Revision"),
    "address": N_("Address"),
    "tag": N_("Tag"),
    "upload": N_("Picture"),
    "comment": N_("Comment"),
    "moderation": N_("Moderation decision"),
    "user": N_("Person"),
    "invitation": N_("Invitation"),
    "password_reset": N_("Password reset link"),
    "signin": N_("Session"),
    "device": N_("Recognized device"),
    "door": N_("Denied access"),
    "site": N_("Settings"),
    "delivery": N_("Mail"),
    "unsubscribed": N_("Unsubscription"),
}

COLUMNS: Mapping[str, str] = {
    **{name: field.label for name, field in FIELDS.items()},
    "path": N_("Address"),
    "pattern": N_("Address pattern"),
    "version": N_("Version"),
    "kind": N_("Kind"),
    "state": N_("State"),
    "created_at": N_("Created at"),
    "updated_at": N_("Changed at"),
    "publish_at": N_("Published at"),
    "withdraw_at": N_("Unpublished at"),
    "trashed_at": N_("Moved to trash at"),
    "decided_at": N_("Decided at"),
    "live_since": N_("Live since"),
    "target": N_("Redirects to"),
    "name": N_("Name"),
    "display_name": N_("Display name"),
    "email": N_("Email address"),
    "bio": N_("About"),
    "role": N_("Role"),
    "password_hash": N_("Password"),
    "disabled_at": N_("Disabled at"),
    "ip": N_("IP address"),
    "agent": N_("Browser"),
    "original": N_("File name"),
    "refused": N_("Denied"),
    "added": N_("Rows added"),
    "changed": N_("Rows changed"),
    "deleted": N_("Rows deleted"),
    "authors": N_("Authors"),
    "post_id": N_("Post"),
    "user_id": N_("Person"),
    "parent_id": N_("Reply to comment"),
    "live_revision_id": N_("Public revision"),
    "address_id": N_("Public address"),
    "created_by": N_("Created by"),
    "as_of": N_("As of"),
    "uid": N_("Permanent ID"),
    "key": N_("Normalized form"),
    "key_hash": N_("Key hash"),
    "token_hash": N_("Key hash"),
    "preview_key": N_("Preview link"),
    "position": N_("Position"),
    "announced_at": N_("Announced at"),
    "expires_at": N_("Expires at"),
    "done_at": N_("Completed at"),
    "failed_at": N_("Given up at"),
    "due_at": N_("Next attempt at"),
    "tries": N_("Attempts"),
    "said": N_("Last response"),
    "to": N_("Recipient"),
    "size": N_("Size"),
    "width": N_("Width"),
    "height": N_("Height"),
    "score": N_("Spam score"),
}


def find_label(action: str) -> ActionLabel | None:
    """Return the label of an action; None if it has none."""
    return ACTION_LABELS.get(action)


def action_text(action: str) -> str:
    """Return the label of an action, to be translated; its own name if it has no label."""
    label = find_label(action)
    return label.text if label else action.rpartition(".")[2].replace("_", " ").strip()


def row_names(entry: LogEntry) -> tuple[str, ...]:
    """Return the names of the rows that an action was about.

    These are the rows of the kind that its label declares. For an action without a label, they are
    the rows of the same kind as the first one that has a name.
    """
    label = find_label(entry.action)
    named = [row for row in entry.rows if row.name]
    kind = label.kind if label else next((row.kind for row in named), "")
    return tuple(dict.fromkeys(row.name for row in named if row.kind == kind))


def setting_labels(entry: LogEntry) -> tuple[str, ...]:
    """Return the labels of the settings that an action changed, to be translated."""
    changed = " ".join(row.name for row in entry.rows if row.kind == "site")
    names = changed.replace("choices.", "").split()
    return tuple(
        SETTINGS[name].label
        for name in names
        if name in SETTINGS and not setting_history.is_derived(name)
    )


def is_derived(kind: str, column: str) -> bool:
    """Whether a column is computed from another one, so that its change need not be shown."""
    name = column.removeprefix("choices.")
    return kind == "site" and name in SETTINGS and setting_history.is_derived(name)


def column_label(kind: str, column: str) -> str:
    """Return the label of a column or setting, to be translated; its own name if it has none."""
    name = column.removeprefix("choices.")
    if kind == "site" and name in SETTINGS:
        return SETTINGS[name].label
    return COLUMNS.get(column, column)
