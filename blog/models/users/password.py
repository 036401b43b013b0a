"""A password is renewed: by its owner, by a link, or by a keeper. Its owner is told."""

from sqlalchemy.orm import Session

from blog.config import N_
from blog.models.audit.action import action
from blog.models.base import Refusal, now
from blog.models.jobs import outbox
from blog.models.users import device, password_reset, signin, user
from blog.models.users.user import User


@action("password.change")
def change_password(
    session: Session, password_hash: str, token: str, browser: str = "", *, by: User
) -> None:
    """One's own: every other browser is signed out, and strange again."""
    _renew(session, by.id, password_hash, token, browser)


@action("password.reset")
def reset_password(session: Session, key: str, password_hash: str, browser: str = "") -> str:
    """By the link for whoever has forgotten it. Returns the key by which the browser is known.

    Whoever hammers at the account meanwhile does not keep this browser from signing in. Raises
    `LookupError`.
    """
    whose = password_reset.spend(session, key)
    _renew(session, whose.id, password_hash)
    return device.remember(session, whose.id, browser)


@action("password.assign")
def hand_over(session: Session, id: int, password_hash: str, *, by: User) -> User:
    """From a keeper: a byline becomes somebody, and no old sign-in lives on.

    Not one's own: for that, one types the present one.
    """
    if id == by.id:
        raise Refusal(N_("Change your own password in the dashboard."), "password")
    return _renew(session, id, password_hash)


def _renew(
    session: Session, id: int, password_hash: str, token: str = "", browser: str = ""
) -> User:
    person = user.lock(session, id)
    had_one = person.password_hash is not None
    user.set_password(session, id, password_hash)
    signin.revoke_all(session, id, but=token)
    device.forget(session, id, but=browser)
    password_reset.void(session, id)
    if had_one and person.email:
        outbox.owe(
            session,
            "password_changed",
            person.email,
            language=person.language,
            name=person.display_name,
            at=now().isoformat(timespec="minutes"),
            ip=session.info.get("ip", ""),
        )
    return person
