"""Action names stored by releases before 0.4.0, with the labels that the audit log must show."""

# Names stored by 0.2.0 and 0.3.0: the label, and the kind of the rows that it applies to.
LABELS = {
    "writing.start": ("created the draft", "post"),
    "writing.keep": ("saved", "post"),
    "writing.publish": ("published", "post"),
    "writing.unpublish": ("unpublished", "post"),
    "writing.trash": ("moved to trash", "post"),
    "writing.restore": ("restored from trash", "post"),
    "writing.delete_for_good": ("permanently deleted", "post"),
    "history.bring_back": ("restored an earlier revision of", "post"),
    "preview.open_preview": ("created a preview link for", "post"),
    "preview.close_preview": ("revoked the preview link of", "post"),
    "moving.bring_in": ("imported", "post"),
    "relocating.move": ("changed the address of", "post"),
    "upload.note": ("uploaded", "upload"),
    "pictures.delete": ("deleted the picture", "upload"),
    "tagging.rename": ("renamed the tag", "tag"),
    "tagging.merge": ("merged the tag", "tag"),
    "tagging.delete_tag": ("deleted the tag", "tag"),
    "redirects.add": ("added the redirect", "address"),
    "redirects.remove": ("removed the redirect", "address"),
    "commenting.submit": ("submitted a comment as", "comment"),
    "queue.reply": ("replied to a comment as", "comment"),
    "moderation.approve": ("approved the comment of", "comment"),
    "moderation.reject": ("rejected the comment of", "comment"),
    "moderation.spam": ("marked as spam the comment of", "comment"),
    "moderation.decide": ("moderated the comment of", "comment"),
    "moderation.undo": ("undid the moderation of the comment of", "comment"),
    "user.add": ("added the person", "user"),
    "user.describe": ("changed the profile of", "user"),
    "user.set_role": ("changed the role of", "user"),
    "user.set_password": ("reset the password of", "user"),
    "user.disable": ("disabled the account of", "user"),
    "user.enable": ("enabled the account of", "user"),
    "people.save_person": ("changed the profile of", "user"),
    "people.disable_person": ("disabled the account of", "user"),
    "password.hand_over": ("set a new password for", "user"),
    "password.change_password": ("changed their own password", ""),
    "password.reset_password": ("reset a forgotten password", "user"),
    "reset.ask_for_reset": ("requested a password reset", ""),
    "reset.reset_link": ("created a password reset link for", "user"),
    "invitation.invite": ("invited", "invitation"),
    "invitation.revoke_invitation": ("revoked the invitation of", "invitation"),
    "invitation.accept_invitation": ("accepted an invitation", "user"),
    "signin.open": ("signed in", ""),
    "signin.enter": ("signed in", ""),
    "signin.close": ("signed out", ""),
    "signin.revoke": ("ended one of their own sessions", ""),
    "signin.revoke_all": ("ended all their other sessions", ""),
    "refused.note_sign_in": ("failed to sign in as", "signin"),
    "refused.note_door": ("was denied access to", "door"),
    "setup.set_up": ("set up the blog", ""),
    "setup.add_admin": ("created the admin", "user"),
    "setup.blank": ("created the blog", ""),
    "deciding.save": ("changed the settings", "site"),
    "site.change": ("changed the settings", "site"),
    "decided.put_back": ("restored a setting", "site"),
    "delivery.claim": ("started sending an email", "delivery"),
    "delivery.delivered": ("sent an email", "delivery"),
    "delivery.failed": ("failed to send an email", "delivery"),
    "subscription.unsubscribe": ("unsubscribed from reply notices", ""),
    "announcement.announce": ("announced the publication of", "post"),
    "delivery.put_off": ("postponed emails", "delivery"),
    "sweeping.give_up_stale": ("discarded expired emails", "delivery"),
    "moderation.sweep_spam": ("deleted old spam", "comment"),
    "returning.bring_comment": ("imported a comment", "comment"),
    "returning.bring_redirect": ("imported a redirect", "address"),
    "moving.introduce": ("imported authors", "user"),
    "sweeping.sweep": ("deleted expired data", ""),
}

# Names without a label, shown by their last part.
UNLABELLED = {
    "signin.seen": ("seen", None),
    "sweeping.forget_addresses": ("forget addresses", None),
    "cast.plant_page": ("plant page", None),
    "later.paint_fence": ("paint fence", None),
}

# 0.1.0 stored only the function's name. Of two functions with the same name, the last one counts.
FIRST_LABELS = {name.rpartition(".")[2]: label for name, label in LABELS.items()}
FIRST_LABELS |= {"open_": LABELS["signin.open"], "_publish": LABELS["writing.publish"]}
FIRST_UNLABELLED = {"seen": ("seen", None), "_plant_page": ("plant page", None)}

# Names that did not change.
UNCHANGED = {"user.set_role", "user.set_password", "user.disable", "user.enable"}
