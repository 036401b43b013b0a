"""Replaces function names in the audit log by names of actions that never change.

Versions 0.2.0 and 0.3.0 stored an action as its module and function, version 0.1.0 as its function
alone. A name that is not listed here stays as it is.
"""

import sqlalchemy as sa
from alembic import op

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None

# What versions 0.2.0 and 0.3.0 stored -> the name from now on.
NAMES = {
    'announcement.announce': 'post.announce',
    'attempt.claim': 'attempt.count',
    'attempt.claim_asking': 'attempt.count_reset_request',
    'attempt.forgive': 'attempt.clear',
    'commenting.submit': 'comment.submit',
    'decided.put_back': 'settings.restore',
    'deciding.save': 'settings.save',
    'delivery.claim': 'mail.claim',
    'delivery.delivered': 'mail.deliver',
    'delivery.failed': 'mail.fail',
    'delivery.put_off': 'mail.postpone',
    'history.bring_back': 'post.restore_revision',
    'invitation.accept_invitation': 'invitation.accept',
    'invitation.invite': 'invitation.create',
    'invitation.revoke_invitation': 'invitation.revoke',
    'lease.leave': 'lease.release',
    'moderation.approve': 'comment.approve',
    'moderation.decide': 'comment.moderate',
    'moderation.reject': 'comment.reject',
    'moderation.spam': 'comment.mark_as_spam',
    'moderation.sweep_spam': 'comment.delete_old_spam',
    'moderation.undo': 'comment.undo_moderation',
    'moving.bring_in': 'post.import',
    'moving.introduce': 'user.import',
    'password.change_password': 'password.change',
    'password.hand_over': 'password.assign',
    'password.reset_password': 'password.reset',
    'people.disable_person': 'user.revoke_access',
    'people.save_person': 'user.edit',
    'pictures.delete': 'picture.delete',
    'preview.close_preview': 'post.close_preview',
    'preview.open_preview': 'post.open_preview',
    'queue.reply': 'comment.reply',
    'redirects.add': 'redirect.add',
    'redirects.remove': 'redirect.remove',
    'refused.note_door': 'access.deny_page',
    'refused.note_sign_in': 'access.deny_sign_in',
    'relocating.move': 'post.change_address',
    'reset.ask_for_reset': 'password.request_reset',
    'reset.reset_link': 'password.create_reset_link',
    'returning.bring_comment': 'comment.import',
    'returning.bring_redirect': 'redirect.import',
    'setup.add_admin': 'user.create_admin',
    'setup.blank': 'site.create',
    'setup.set_up': 'site.set_up',
    'signin.close': 'session.end',
    'signin.enter': 'session.start',
    'signin.open': 'session.open',
    'signin.revoke': 'session.revoke',
    'signin.revoke_all': 'session.revoke_all',
    'signin.seen': 'session.seen',
    'site.change': 'settings.change',
    'site.facts': 'site.read',
    'spam.sweep': 'spam.delete_expired',
    'subscription.unsubscribe': 'mail.unsubscribe',
    'sweeping.forget_addresses': 'retention.forget_addresses',
    'sweeping.give_up_stale': 'mail.expire',
    'sweeping.sweep': 'retention.delete_expired',
    'tagging.delete_tag': 'tag.delete',
    'tagging.merge': 'tag.merge',
    'tagging.rename': 'tag.rename',
    'upload.note': 'picture.upload',
    'user.add': 'user.create',
    'user.describe': 'user.edit_profile',
    'writing.delete_for_good': 'post.delete_permanently',
    'writing.keep': 'post.save',
    'writing.publish': 'post.publish',
    'writing.restore': 'post.restore',
    'writing.start': 'post.start',
    'writing.trash': 'post.trash',
    'writing.unpublish': 'post.unpublish',
}

# What version 0.1.0 stored -> the name from now on.
FUNCTIONS = {
    'accept_invitation': 'invitation.accept',
    'add': 'user.create',
    'add_admin': 'user.create_admin',
    'announce': 'post.announce',
    'approve': 'comment.approve',
    'ask_for_reset': 'password.request_reset',
    'blank': 'site.create',
    'bring_back': 'post.restore_revision',
    'bring_comment': 'comment.import',
    'bring_in': 'post.import',
    'bring_redirect': 'redirect.import',
    'change': 'settings.change',
    'change_password': 'password.change',
    'claim': 'mail.claim',
    'close': 'session.end',
    'close_preview': 'post.close_preview',
    'decide': 'comment.moderate',
    'delete': 'picture.delete',
    'delete_for_good': 'post.delete_permanently',
    'delete_tag': 'tag.delete',
    'delivered': 'mail.deliver',
    'describe': 'user.edit_profile',
    'disable': 'user.disable',
    'disable_person': 'user.revoke_access',
    'enable': 'user.enable',
    'enter': 'session.start',
    'failed': 'mail.fail',
    'give_up_stale': 'mail.expire',
    'hand_over': 'password.assign',
    'introduce': 'user.import',
    'invite': 'invitation.create',
    'keep': 'post.save',
    'merge': 'tag.merge',
    'move': 'post.change_address',
    'note': 'picture.upload',
    'note_door': 'access.deny_page',
    'note_sign_in': 'access.deny_sign_in',
    'open': 'session.open',
    'open_preview': 'post.open_preview',
    'publish': 'post.publish',
    'put_back': 'settings.restore',
    'put_off': 'mail.postpone',
    'reject': 'comment.reject',
    'remove': 'redirect.remove',
    'rename': 'tag.rename',
    'reply': 'comment.reply',
    'reset_link': 'password.create_reset_link',
    'reset_password': 'password.reset',
    'restore': 'post.restore',
    'revoke': 'session.revoke',
    'revoke_all': 'session.revoke_all',
    'revoke_invitation': 'invitation.revoke',
    'save': 'settings.save',
    'save_person': 'user.edit',
    'set_password': 'user.set_password',
    'set_role': 'user.set_role',
    'set_up': 'site.set_up',
    'spam': 'comment.mark_as_spam',
    'start': 'post.start',
    'submit': 'comment.submit',
    'sweep': 'retention.delete_expired',
    'sweep_spam': 'comment.delete_old_spam',
    'trash': 'post.trash',
    'undo': 'comment.undo_moderation',
    'unpublish': 'post.unpublish',
    'unsubscribe': 'mail.unsubscribe',
}


def upgrade() -> None:
    change = sa.table('change', sa.column('act', sa.String))
    connection = op.get_bind()
    for old in connection.scalars(sa.select(change.c.act).distinct()).all():
        new = new_name(old)
        if new is not None:
            connection.execute(change.update().where(change.c.act == old).values(act=new))


def new_name(old: str) -> str | None:
    """Return the new name; None if it stays. Version 0.1.0 stored `open_` with its underscore."""
    return NAMES.get(old) or FUNCTIONS.get(old.strip('_'))
