"""What keepers have decided before: who, when, from what to what; and the way back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from blog.config import N_
from blog.models.audit.action import action
from blog.models.audit.change_log import Change, Touched
from blog.models.base import Refusal
from blog.models.settings import site
from blog.models.settings.save_settings import COLUMNS, SETTINGS, Wish, save
from blog.models.settings.setting import Setting
from blog.models.settings.site import THE_ONE, Site
from blog.models.uploads import upload

PER_PAGE = 30
ROW = f"{Site.__tablename__}:{THE_ONE}"
KEPT = "choices."  # how the log names an entry of `Site.choices`


@dataclass(frozen=True)
class SettingChange:
    """One setting at one moment, from what to what. `can_go_back`: it was something before."""

    id: int
    at: datetime
    by: str
    choice: Setting
    before: Any
    after: Any
    can_go_back: bool


def history(session: Session, before: int = 0) -> tuple[tuple[SettingChange, ...], int]:
    """What was changed, newest first, and the number to go on `before`, 0 at the end."""
    query = _lines().where(Change.id < before) if before else _lines()
    rows = session.scalars(query.order_by(Change.id.desc()).limit(PER_PAGE + 1)).all()
    found = tuple(one for row in rows[:PER_PAGE] for one in _decisions(row))
    return found, rows[PER_PAGE - 1].id if len(rows) > PER_PAGE else 0


def _lines() -> Select[Change]:
    return (
        select(Change).join(Touched, Touched.change_id == Change.id).where(Touched.kind == "site")
    )


def _decisions(row: Change) -> list[SettingChange]:
    told = {name.removeprefix(KEPT): pair for name, pair in row.facts.get(ROW, {}).items()}
    return [
        SettingChange(
            row.id,
            row.at,
            row.by_name,
            SETTINGS[name],
            _as_typed(name, pair[0]),
            _as_typed(name, pair[1]),
            can_go_back=name not in COLUMNS or pair[0] is not None,
        )
        for name, pair in told.items()
        if name in SETTINGS and not is_made(name)
    ]


def is_made(name: str) -> bool:
    """Whether a setting is made from another one, such as `footer_html` from `footer`."""
    hidden = SETTINGS[name].kind == "hidden"
    return hidden and any(name.startswith(f"{other}_") for other in SETTINGS)


def _as_typed(name: str, told: Any) -> Any:
    """What the log tells, in the words of a form; what was not kept was the default."""
    if isinstance(told, list):
        return site.navigation_text(tuple((label, target) for label, target in told))
    return SETTINGS[name].default if told is None else told


@action("settings.restore")
def restore_setting(session: Session, id: int, name: str) -> list[str]:
    """Make a setting what it was before a change, with what is made from it.

    Raises `LookupError` for what the log does not tell, and `Refusal` for a picture that is gone.
    """
    row = session.scalar(_lines().where(Change.id == id))
    found = {one.choice.name: one for one in _decisions(row)} if row else {}
    if name not in found or not found[name].can_go_back:
        raise LookupError(name)
    before = found[name].before
    _refuse_deleted(session, name, before)
    return save(session, {name: Wish(before), **_made_from(row, name)})


def _refuse_deleted(session: Session, name: str, before: Any) -> None:
    """A picture that was the logo once, and that nobody has kept since."""
    is_picture = isinstance(before, str) and upload.STORED.fullmatch(before)
    if is_picture and not upload.sizes(session, before, {}):
        raise Refusal(N_("This picture has been deleted in the meantime. Upload it again."), name)


def _made_from(row: Change | None, name: str) -> dict[str, Wish]:
    told = row.facts.get(ROW, {}) if row else {}
    made = [one for one in SETTINGS if is_made(one) and one.startswith(f"{name}_")]
    pairs = {one: told[KEPT + one] for one in made if KEPT + one in told}
    return {one: Wish(_as_typed(one, pair[0])) for one, pair in pairs.items()}
