"""Who was invited, as the office lists it: what is open, what became of the rest."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Row, Select, case, func, select
from sqlalchemy.orm import Session, aliased

from blog.models.base import now
from blog.models.listing import Listing, Order, QueryFilter, containing
from blog.models.users.invitation import Invitation
from blog.models.users.user import ROLES, User

STATES = ("open", "accepted", "revoked", "expired")
INVITER, BYLINE, PERSON = aliased(User), aliased(User), aliased(User)


@dataclass(frozen=True)
class ListedInvitation:
    """An invitation as the office lists it. `whom`: what was said of them when they were invited.

    `person` is who they became, by id and name.
    """

    id: int
    whom: str
    email: str
    role: str
    byline: str
    by: str
    state: str
    created_at: datetime
    expires_at: datetime
    person: tuple[int, str] | None


def _state() -> ColumnElement[str]:
    return case(
        (Invitation.accepted_at.is_not(None), "accepted"),
        (Invitation.revoked_at.is_not(None), "revoked"),
        (Invitation.expires_at > now(), "open"),
        else_="expired",
    )


def _rows() -> Select[Any]:
    found = (
        select(
            Invitation,
            _state().label("state"),
            INVITER.display_name.label("by"),
            BYLINE.display_name.label("byline"),
            PERSON.id.label("person_id"),
            PERSON.display_name.label("person"),
        )
        .join(INVITER, INVITER.id == Invitation.by_id)
        .outerjoin(BYLINE, BYLINE.id == Invitation.byline_id)
        .outerjoin(PERSON, PERSON.id == Invitation.accepted_id)
    )
    return cast("Select[Any]", found)


def _made(session: Session, rows: Sequence[Row[Any]]) -> list[ListedInvitation]:
    return [_listed(row, row.Invitation) for row in rows]


def _listed(row: Row[Any], one: Invitation) -> ListedInvitation:
    return ListedInvitation(
        id=one.id,
        whom=one.display_name or row.byline or one.email or f"#{one.id}",
        email=one.email,
        role=one.role,
        byline=row.byline or "",
        by=row.by,
        state=row.state,
        created_at=one.created_at,
        expires_at=one.expires_at,
        person=(row.person_id, row.person) if row.person_id else None,
    )


invitations = Listing(
    query=_rows,
    key=Invitation.id,
    make=_made,
    orders={
        "created_at": Order(Invitation.created_at, descending=True),
        "expires_at": Order(Invitation.expires_at),
    },
    sort="created_at",
    filters={
        "state": QueryFilter(lambda state: _state() == state, STATES),
        "role": QueryFilter(lambda role: Invitation.role == role, ROLES),
    },
    search=containing(
        Invitation.display_name, Invitation.email, func.coalesce(BYLINE.display_name, "")
    ),
)
