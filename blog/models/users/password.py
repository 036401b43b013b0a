"""Changing a password: by its owner, by a reset link, or by an admin; the owner gets an email."""

from sqlalchemy.orm import Session

from blog.config import N_
from blog.models.audit.action import action
from blog.models.base import Refusal, now
from blog.models.jobs import outbox
from blog.models.users import device, password_reset, signin, user
from blog.models.users.user import User


@action("password.change")
def change_password(
    session: Session, password_hash: str, token: str, browser: str = "", *, by: User, ip: str
) -> None:
    """Change one's own password. Ends all other sessions and forgets all other devices.

    `token` is that of the current session, `browser` the key of the current device.
    The email about the change names the address `ip`, like those of the functions below.
    """
    _renew(session, by.id, password_hash, ip, token, browser)


@action("password.reset")
def reset_password(
    session: Session, key: str, password_hash: str, browser: str = "", *, ip: str
) -> str:
    """Change a password with a reset link. Returns the key of the device, which is remembered.

    A recognized device can sign in even if strangers have used up the attempts of the account.
    Raises `LookupError` if the link is not valid.
    """
    owner = password_reset.spend(session, key)
    _renew(session, owner.id, password_hash, ip)
    return device.remember(session, owner.id, browser)


@action("password.assign")
def assign_password(session: Session, id: int, password_hash: str, *, by: User, ip: str) -> User:
    """Set a user's password as an admin, which also turns a byline into an account.

    Ends all sessions of the user. Raises `Refusal` for one's own account, because changing one's
    own password requires the current one.
    """
    if id == by.id:
        raise Refusal(N_("Change your own password in the dashboard."), "password")
    return _renew(session, id, password_hash, ip)


def _renew(
    session: Session, id: int, password_hash: str, ip: str, token: str = "", browser: str = ""
) -> User:
    """Set the password, end the other sessions and queue an email to the owner."""
    person = user.lock(session, id)
    had_password = person.password_hash is not None
    user.set_password(session, id, password_hash)
    signin.revoke_all(session, id, but=token)
    device.forget(session, id, but=browser)
    password_reset.void(session, id)
    if had_password and person.email:
        outbox.enqueue(
            session,
            "password_changed",
            person.email,
            language=person.language,
            name=person.display_name,
            at=now().isoformat(timespec="minutes"),
            ip=ip,
        )
    return person
