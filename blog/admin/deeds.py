"""What people call an act, and the tables and columns that it touched."""

from collections.abc import Mapping
from dataclasses import dataclass

from blog.config import N_
from blog.models.audit import Line
from blog.models.decided import is_made
from blog.models.deciding import CHOICES


@dataclass(frozen=True)
class Deed:
    """An act in words, and the kind of the rows that it is about."""

    words: str
    kind: str = ""


DEEDS: Mapping[str, Deed] = {
    "writing.start": Deed(N_("began a draft"), "post"),
    "writing.keep": Deed(N_("saved"), "post"),
    "writing.publish": Deed(N_("published"), "post"),
    "writing.unpublish": Deed(N_("took back from readers"), "post"),
    "writing.trash": Deed(N_("moved to the trash"), "post"),
    "writing.restore": Deed(N_("took out of the trash"), "post"),
    "writing.delete_for_good": Deed(N_("deleted for good"), "post"),
    "history.bring_back": Deed(N_("brought an earlier text back"), "post"),
    "preview.open_preview": Deed(N_("opened a preview link"), "post"),
    "preview.close_preview": Deed(N_("took a preview link back"), "post"),
    "moving.bring_in": Deed(N_("brought in"), "post"),
    "relocating.move": Deed(N_("moved to a new address"), "post"),
    "upload.note": Deed(N_("uploaded"), "upload"),
    "pictures.delete": Deed(N_("deleted the picture"), "upload"),
    "tagging.rename": Deed(N_("renamed the tag"), "tag"),
    "tagging.merge": Deed(N_("merged the tag"), "tag"),
    "tagging.delete_tag": Deed(N_("deleted the tag"), "tag"),
    "redirects.add": Deed(N_("added a redirect"), "address"),
    "redirects.remove": Deed(N_("removed a redirect"), "address"),
    "commenting.submit": Deed(N_("commented"), "comment"),
    "queue.reply": Deed(N_("answered a comment"), "comment"),
    "moderation.approve": Deed(N_("approved the comment of"), "comment"),
    "moderation.reject": Deed(N_("rejected the comment of"), "comment"),
    "moderation.spam": Deed(N_("called spam the comment of"), "comment"),
    "moderation.decide": Deed(N_("decided about the comment of"), "comment"),
    "moderation.undo": Deed(N_("undid a decision about the comment of"), "comment"),
    "user.add": Deed(N_("added"), "user"),
    "user.describe": Deed(N_("changed the profile of"), "user"),
    "user.set_role": Deed(N_("changed the role of"), "user"),
    "user.set_password": Deed(N_("renewed the password of"), "user"),
    "user.disable": Deed(N_("disabled"), "user"),
    "user.enable": Deed(N_("enabled"), "user"),
    "people.save_person": Deed(N_("changed the profile of"), "user"),
    "people.disable_person": Deed(N_("disabled"), "user"),
    "password.hand_over": Deed(N_("gave a new password to"), "user"),
    "password.change_password": Deed(N_("changed the own password"), ""),
    "password.reset_password": Deed(N_("renewed a forgotten password"), "user"),
    "reset.ask_for_reset": Deed(N_("asked for a new password")),
    "reset.reset_link": Deed(N_("made a link for a new password"), "user"),
    "invitation.invite": Deed(N_("invited"), "invitation"),
    "invitation.revoke_invitation": Deed(N_("took an invitation back"), "invitation"),
    "invitation.accept_invitation": Deed(N_("accepted an invitation"), "user"),
    "signin.open": Deed(N_("signed in")),
    "signin.enter": Deed(N_("signed in")),
    "signin.close": Deed(N_("signed out")),
    "signin.revoke": Deed(N_("ended a sign-in of their own")),
    "signin.revoke_all": Deed(N_("ended their other sign-ins")),
    "refused.note_sign_in": Deed(N_("was not let in"), "signin"),
    "refused.note_door": Deed(N_("was refused at"), "door"),
    "setup.set_up": Deed(N_("set the blog up")),
    "setup.add_admin": Deed(N_("made an admin"), "user"),
    "setup.blank": Deed(N_("began the blog"), ""),
    "deciding.save": Deed(N_("changed the settings"), "site"),
    "site.change": Deed(N_("changed the settings"), "site"),
    "decided.put_back": Deed(N_("put a setting back"), "site"),
    "delivery.claim": Deed(N_("began to send a mail"), "delivery"),
    "delivery.delivered": Deed(N_("sent a mail"), "delivery"),
    "delivery.failed": Deed(N_("could not send a mail"), "delivery"),
    "subscription.unsubscribe": Deed(N_("wants no mail about answers any more")),
    "announcement.announce": Deed(N_("announced"), "post"),
    "delivery.put_off": Deed(N_("put mails off"), "delivery"),
    "sweeping.give_up_stale": Deed(N_("gave up mails that came too late"), "delivery"),
    "moderation.sweep_spam": Deed(N_("swept old spam away"), "comment"),
    "returning.bring_comment": Deed(N_("brought in a comment"), "comment"),
    "returning.bring_redirect": Deed(N_("brought in a redirect"), "address"),
    "moving.introduce": Deed(N_("brought in people"), "user"),
    "sweeping.sweep": Deed(N_("swept away what is old")),
}

# What leaves no line to read: counts, leases, an index, a browser in use.
UNTOLD = {"attempt.claim", "attempt.claim_asking", "attempt.forgive", "signin.seen", "spam.sweep"}
UNTOLD |= {"search.rebuild", "site.facts"}

KINDS: Mapping[str, str] = {
    "post": N_("Post"),
    "post_author": N_("Author of a post"),
    "revision": N_("Revision"),
    "address": N_("Address"),
    "tag": N_("Tag"),
    "upload": N_("Picture"),
    "comment": N_("Comment"),
    "moderation": N_("Decision about a comment"),
    "user": N_("Person"),
    "invitation": N_("Invitation"),
    "password_reset": N_("Link for a new password"),
    "signin": N_("Sign-in"),
    "device": N_("Known browser"),
    "door": N_("Refused door"),
    "site": N_("Settings"),
    "delivery": N_("Mail"),
    "unsubscribed": N_("Unsubscribed"),
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
    "created_at": N_("Made at"),
    "updated_at": N_("Changed at"),
    "publish_at": N_("Published at"),
    "withdraw_at": N_("Unpublished at"),
    "trashed_at": N_("Moved to the trash at"),
    "decided_at": N_("Decided at"),
    "live_since": N_("Alive since"),
    "target": N_("Leads to"),
    "name": N_("Name"),
    "display_name": N_("Name that readers see"),
    "email": N_("Mail address"),
    "bio": N_("About"),
    "role": N_("Role"),
    "password_hash": N_("Password"),
    "disabled_at": N_("Disabled at"),
    "ip": N_("From where"),
    "agent": N_("Browser"),
    "original": N_("Name of the file"),
    "refused": N_("Refused"),
    "added": N_("Rows added"),
    "changed": N_("Rows changed"),
    "deleted": N_("Rows deleted"),
    "authors": N_("Authors"),
    "post_id": N_("Post"),
    "user_id": N_("Person"),
    "parent_id": N_("Answer to comment"),
    "live_revision_id": N_("Public revision"),
    "address_id": N_("Public address"),
    "created_by": N_("Made by"),
    "as_of": N_("As of"),
    "uid": N_("Lasting mark"),
    "key": N_("Looked up as"),
    "key_hash": N_("Key"),
    "token_hash": N_("Key"),
    "preview_key": N_("Preview link"),
    "position": N_("Place"),
    "takes_comments": N_("Takes comments"),
    "announced_at": N_("Announced at"),
    "expires_at": N_("Ends at"),
    "done_at": N_("Done at"),
    "failed_at": N_("Given up at"),
    "due_at": N_("Due at"),
    "tries": N_("Tries"),
    "said": N_("Last answer"),
    "to": N_("To"),
    "size": N_("Size"),
    "width": N_("Width"),
    "height": N_("Height"),
    "score": N_("Likeness to spam"),
}


# Version 0.1.0 called an act by its name alone.
BARE = {act.rpartition(".")[2]: deed for act, deed in DEEDS.items()}


def deed_of(act: str) -> Deed | None:
    return DEEDS.get(act) or (BARE.get(act.strip("_")) if "." not in act else None)


def words_of(act: str) -> str:
    """A sentence for the catalogue; of an act that nobody has named, its own name."""
    deed = deed_of(act)
    return deed.words if deed else act.rpartition(".")[2].replace("_", " ").strip()


def about(line: Line) -> tuple[str, ...]:
    """The names of what an act was about: of the rows of its kind, or of whichever have one."""
    deed = deed_of(line.act)
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
