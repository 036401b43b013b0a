"""The list of invitations in the admin area, with filters by state and role."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session, aliased

from blog.models.base import now
from blog.models.keyset import ListRow
from blog.models.listing import Listing, ListQueryRows, Order, QueryFilter, containing
from blog.models.users.invitation import Invitation
from blog.models.users.user import ROLES, User

STATES = ("open", "accepted", "revoked", "expired")
INVITER, BYLINE, PERSON = aliased(User), aliased(User), aliased(User)


@dataclass(frozen=True)
class ListedInvitation:
    """An invitation as the list shows it.

    `whom` identifies the invited person: a name, byline, email address or number. `person` is the
    id and display name of the user who accepted it.
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


def _query() -> ListQueryRows:
    return (
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


def _make(session: Session, rows: Sequence[ListRow]) -> list[ListedInvitation]:
    return [_listed(row, row.Invitation) for row in rows]


def _listed(row: ListRow, invitation: Invitation) -> ListedInvitation:
    return ListedInvitation(
        id=invitation.id,
        whom=invitation.display_name or row.byline or invitation.email or f"#{invitation.id}",
        email=invitation.email,
        role=invitation.role,
        byline=row.byline or "",
        by=row.by,
        state=row.state,
        created_at=invitation.created_at,
        expires_at=invitation.expires_at,
        person=(row.person_id, row.person) if row.person_id else None,
    )


invitations = Listing(
    query=_query,
    key=Invitation.id,
    make=_make,
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
