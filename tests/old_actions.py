"""The labels of actions in the log, by the names under which releases before 0.4.0 stored them."""

# What 0.2.0 and 0.3.0 stored: the label, and the kind of the rows that it is about.
LABELS = {
    "writing.start": ("began a draft", "post"),
    "writing.keep": ("saved", "post"),
    "writing.publish": ("published", "post"),
    "writing.unpublish": ("took back from readers", "post"),
    "writing.trash": ("moved to the trash", "post"),
    "writing.restore": ("took out of the trash", "post"),
    "writing.delete_for_good": ("deleted for good", "post"),
    "history.bring_back": ("brought an earlier text back", "post"),
    "preview.open_preview": ("opened a preview link", "post"),
    "preview.close_preview": ("took a preview link back", "post"),
    "moving.bring_in": ("brought in", "post"),
    "relocating.move": ("moved to a new address", "post"),
    "upload.note": ("uploaded", "upload"),
    "pictures.delete": ("deleted the picture", "upload"),
    "tagging.rename": ("renamed the tag", "tag"),
    "tagging.merge": ("merged the tag", "tag"),
    "tagging.delete_tag": ("deleted the tag", "tag"),
    "redirects.add": ("added a redirect", "address"),
    "redirects.remove": ("removed a redirect", "address"),
    "commenting.submit": ("commented", "comment"),
    "queue.reply": ("answered a comment", "comment"),
    "moderation.approve": ("approved the comment of", "comment"),
    "moderation.reject": ("rejected the comment of", "comment"),
    "moderation.spam": ("called spam the comment of", "comment"),
    "moderation.decide": ("decided about the comment of", "comment"),
    "moderation.undo": ("undid a decision about the comment of", "comment"),
    "user.add": ("added", "user"),
    "user.describe": ("changed the profile of", "user"),
    "user.set_role": ("changed the role of", "user"),
    "user.set_password": ("renewed the password of", "user"),
    "user.disable": ("disabled", "user"),
    "user.enable": ("enabled", "user"),
    "people.save_person": ("changed the profile of", "user"),
    "people.disable_person": ("disabled", "user"),
    "password.hand_over": ("gave a new password to", "user"),
    "password.change_password": ("changed the own password", ""),
    "password.reset_password": ("renewed a forgotten password", "user"),
    "reset.ask_for_reset": ("asked for a new password", ""),
    "reset.reset_link": ("made a link for a new password", "user"),
    "invitation.invite": ("invited", "invitation"),
    "invitation.revoke_invitation": ("took an invitation back", "invitation"),
    "invitation.accept_invitation": ("accepted an invitation", "user"),
    "signin.open": ("signed in", ""),
    "signin.enter": ("signed in", ""),
    "signin.close": ("signed out", ""),
    "signin.revoke": ("ended a sign-in of their own", ""),
    "signin.revoke_all": ("ended their other sign-ins", ""),
    "refused.note_sign_in": ("was not let in", "signin"),
    "refused.note_door": ("was refused at", "door"),
    "setup.set_up": ("set the blog up", ""),
    "setup.add_admin": ("made an admin", "user"),
    "setup.blank": ("began the blog", ""),
    "deciding.save": ("changed the settings", "site"),
    "site.change": ("changed the settings", "site"),
    "decided.put_back": ("put a setting back", "site"),
    "delivery.claim": ("began to send a mail", "delivery"),
    "delivery.delivered": ("sent a mail", "delivery"),
    "delivery.failed": ("could not send a mail", "delivery"),
    "subscription.unsubscribe": ("wants no mail about answers any more", ""),
    "announcement.announce": ("announced", "post"),
    "delivery.put_off": ("put mails off", "delivery"),
    "sweeping.give_up_stale": ("gave up mails that came too late", "delivery"),
    "moderation.sweep_spam": ("swept old spam away", "comment"),
    "returning.bring_comment": ("brought in a comment", "comment"),
    "returning.bring_redirect": ("brought in a redirect", "address"),
    "moving.introduce": ("brought in people", "user"),
    "sweeping.sweep": ("swept away what is old", ""),
}

# What had no label, and was shown by the last part of its name.
UNLABELLED = {
    "signin.seen": ("seen", None),
    "sweeping.forget_addresses": ("forget addresses", None),
    "cast.plant_page": ("plant page", None),
    "later.paint_fence": ("paint fence", None),
}

# 0.1.0 stored the function alone: of two with one name, the latter's label was shown.
FIRST_LABELS = {name.rpartition(".")[2]: label for name, label in LABELS.items()}
FIRST_LABELS |= {"open_": LABELS["signin.open"], "_publish": LABELS["writing.publish"]}
FIRST_UNLABELLED = {"seen": ("seen", None), "_plant_page": ("plant page", None)}

# Names that stayed as they were.
UNCHANGED = {"user.set_role", "user.set_password", "user.disable", "user.enable"}
