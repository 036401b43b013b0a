"""Labels of actions, and of the tables and columns that they changed."""

from collections.abc import Mapping
from dataclasses import dataclass

from blog.config import N_
from blog.models.audit.audit import Line
from blog.models.settings.save_settings import CHOICES
from blog.models.settings.setting_history import is_made


@dataclass(frozen=True)
class Deed:
    """The label of an action, and the kind of the rows that it is about."""

    words: str
    kind: str = ""


DEEDS: Mapping[str, Deed] = {
    "post.start": Deed(N_("created the draft"), "post"),
    "post.save": Deed(N_("saved"), "post"),
    "post.publish": Deed(N_("published"), "post"),
    "post.unpublish": Deed(N_("unpublished"), "post"),
    "post.trash": Deed(N_("moved to trash"), "post"),
    "post.restore": Deed(N_("restored from trash"), "post"),
    "post.delete_permanently": Deed(N_("permanently deleted"), "post"),
    "post.restore_revision": Deed(N_("restored an earlier revision of"), "post"),
    "post.open_preview": Deed(N_("created a preview link for"), "post"),
    "post.close_preview": Deed(N_("revoked the preview link of"), "post"),
    "post.import": Deed(N_("imported"), "post"),
    "post.change_address": Deed(N_("changed the address of"), "post"),
    "picture.upload": Deed(N_("uploaded"), "upload"),
    "picture.delete": Deed(N_("deleted the picture"), "upload"),
    "tag.rename": Deed(N_("renamed the tag"), "tag"),
    "tag.merge": Deed(N_("merged the tag"), "tag"),
    "tag.delete": Deed(N_("deleted the tag"), "tag"),
    "redirect.add": Deed(N_("added the redirect"), "address"),
    "redirect.remove": Deed(N_("removed the redirect"), "address"),
    "comment.submit": Deed(N_("submitted a comment as"), "comment"),
    "comment.reply": Deed(N_("replied to a comment as"), "comment"),
    "comment.approve": Deed(N_("approved the comment of"), "comment"),
    "comment.reject": Deed(N_("rejected the comment of"), "comment"),
    "comment.mark_as_spam": Deed(N_("marked as spam the comment of"), "comment"),
    "comment.moderate": Deed(N_("moderated the comment of"), "comment"),
    "comment.undo_moderation": Deed(N_("undid the moderation of the comment of"), "comment"),
    "user.create": Deed(N_("added the person"), "user"),
    "user.edit_profile": Deed(N_("changed the profile of"), "user"),
    "user.set_role": Deed(N_("changed the role of"), "user"),
    "user.set_password": Deed(N_("reset the password of"), "user"),
    "user.disable": Deed(N_("disabled the account of"), "user"),
    "user.enable": Deed(N_("enabled the account of"), "user"),
    "user.edit": Deed(N_("changed the profile of"), "user"),
    "user.revoke_access": Deed(N_("disabled the account of"), "user"),
    "password.assign": Deed(N_("set a new password for"), "user"),
    "password.change": Deed(N_("changed their own password"), ""),
    "password.reset": Deed(N_("reset a forgotten password"), "user"),
    "password.request_reset": Deed(N_("requested a password reset")),
    "password.create_reset_link": Deed(N_("created a password reset link for"), "user"),
    "invitation.create": Deed(N_("invited"), "invitation"),
    "invitation.revoke": Deed(N_("revoked the invitation of"), "invitation"),
    "invitation.accept": Deed(N_("accepted an invitation"), "user"),
    "session.open": Deed(N_("signed in")),
    "session.start": Deed(N_("signed in")),
    "session.end": Deed(N_("signed out")),
    "session.revoke": Deed(N_("ended one of their own sessions")),
    "session.revoke_all": Deed(N_("ended all their other sessions")),
    "access.deny_sign_in": Deed(N_("failed to sign in as"), "signin"),
    "access.deny_page": Deed(N_("was denied access to"), "door"),
    "site.set_up": Deed(N_("set up the blog")),
    "user.create_admin": Deed(N_("created the admin"), "user"),
    "site.create": Deed(N_("created the blog"), ""),
    "settings.save": Deed(N_("changed the settings"), "site"),
    # Only in old entries: no function declares it any more.
    "settings.change": Deed(N_("changed the settings"), "site"),
    "settings.restore": Deed(N_("restored a setting"), "site"),
    "mail.claim": Deed(N_("started sending an email"), "delivery"),
    "mail.deliver": Deed(N_("sent an email"), "delivery"),
    "mail.fail": Deed(N_("failed to send an email"), "delivery"),
    "mail.unsubscribe": Deed(N_("unsubscribed from reply notices")),
    "post.announce": Deed(N_("announced the publication of"), "post"),
    "mail.postpone": Deed(N_("postponed emails"), "delivery"),
    "mail.expire": Deed(N_("discarded expired emails"), "delivery"),
    "comment.delete_old_spam": Deed(N_("deleted old spam"), "comment"),
    "comment.import": Deed(N_("imported a comment"), "comment"),
    "redirect.import": Deed(N_("imported a redirect"), "address"),
    "user.import": Deed(N_("imported authors"), "user"),
    "retention.delete_expired": Deed(N_("deleted expired data")),
}

# Actions that leave no entry to read: counters, leases, the search index, a session in use.
UNTOLD = {
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
    "title": N_("Title"),
    "slug": N_("Slug"),
    "path": N_("Address"),
    "pattern": N_("Address pattern"),
    "summary": N_("Summary"),
    "body": N_("Text"),
    "language": N_("Language"),
    "cover": N_("Cover"),
    "tags": N_("Tags"),
    "is_listed": N_("Listed"),
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
    "takes_comments": N_("Accepts comments"),
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


def deed_of(action: str) -> Deed | None:
    return DEEDS.get(action)


def words_of(action: str) -> str:
    """The label of an action, for the catalogue; of one without a label, its own name."""
    deed = deed_of(action)
    return deed.words if deed else action.rpartition(".")[2].replace("_", " ").strip()


def about(line: Line) -> tuple[str, ...]:
    """The names of what an action was about: of the rows of its kind, or of whichever have one."""
    deed = deed_of(line.action)
    named = [thing for thing in line.things if thing.name]
    kind = deed.kind if deed else next((thing.kind for thing in named), "")
    return tuple(dict.fromkeys(thing.name for thing in named if thing.kind == kind))


def settings(line: Line) -> tuple[str, ...]:
    """The settings that a line changed, as sentences for the catalogue."""
    told = (one.name for one in line.things if one.kind == "site")
    names = " ".join(told).replace("choices.", "").split()
    return tuple(CHOICES[name].label for name in names if name in CHOICES and not is_made(name))


def is_derived(kind: str, column: str) -> bool:
    """Whether a column only follows another one, which tells the same."""
    name = column.removeprefix("choices.")
    return kind == "site" and name in CHOICES and is_made(name)


def label_of(kind: str, column: str) -> str:
    """What people call a column."""
    name = column.removeprefix("choices.")
    if kind == "site" and name in CHOICES:
        return CHOICES[name].label
    return COLUMNS.get(column, column)
