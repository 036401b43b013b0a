"""The history of settings, read from the audit log, and restoring an earlier value."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from blog.config import N_
from blog.models.audit.action import action
from blog.models.audit.change_log import Change, Touched
from blog.models.base import Refusal
from blog.models.settings import site
from blog.models.settings.save_settings import COLUMNS, SETTINGS, SettingUpdate, save
from blog.models.settings.setting import Setting, SettingValue
from blog.models.settings.site import SITE_ID, Site
from blog.models.uploads import upload

PER_PAGE = 30
ROW = f"{Site.__tablename__}:{SITE_ID}"
CHOICES_PREFIX = "choices."  # the audit log's prefix for an entry of `Site.choices`
# A value in the audit log: navigation is a list of pairs, and None stands for the default.
LoggedValue = SettingValue | list[list[str]] | None


@dataclass(frozen=True)
class SettingChange:
    """A change of one setting. `can_go_back`: it had a value before, which can be restored."""

    id: int
    at: datetime
    by: str
    choice: Setting
    before: SettingValue
    after: SettingValue
    can_go_back: bool


def history(session: Session, before: int = 0) -> tuple[tuple[SettingChange, ...], int]:
    """Return one page of changes, newest first, and the `before` of the next page (0: none).

    `before` is the id of a log entry; only older entries are returned.
    """
    query = _log_entries().where(Change.id < before) if before else _log_entries()
    rows = session.scalars(query.order_by(Change.id.desc()).limit(PER_PAGE + 1)).all()
    changes = tuple(change for row in rows[:PER_PAGE] for change in _changes(row))
    return changes, rows[PER_PAGE - 1].id if len(rows) > PER_PAGE else 0


def _log_entries() -> Select[Change]:
    return (
        select(Change).join(Touched, Touched.change_id == Change.id).where(Touched.kind == "site")
    )


def _changes(row: Change) -> list[SettingChange]:
    """Return the changes of settings in a log entry, which stores pairs of values by column."""
    logged = {
        name.removeprefix(CHOICES_PREFIX): pair for name, pair in row.facts.get(ROW, {}).items()
    }
    return [
        SettingChange(
            row.id,
            row.at,
            row.by_name,
            SETTINGS[name],
            _form_value(name, pair[0]),
            _form_value(name, pair[1]),
            can_go_back=name not in COLUMNS or pair[0] is not None,
        )
        for name, pair in logged.items()
        if name in SETTINGS and not is_derived(name)
    ]


def is_derived(name: str) -> bool:
    """Return whether a setting is derived from another, as `footer_html` from `footer`."""
    is_hidden = SETTINGS[name].kind == "hidden"
    return is_hidden and any(name.startswith(f"{other}_") for other in SETTINGS)


def _form_value(name: str, logged: LoggedValue) -> SettingValue:
    """Convert a value of the audit log to the value that a form shows."""
    if isinstance(logged, list):
        return site.navigation_text(tuple((label, target) for label, target in logged))
    return SETTINGS[name].default if logged is None else logged


@action("settings.restore")
def restore_setting(session: Session, id: int, name: str) -> list[str]:
    """Restore the value that a setting had before a change, with the settings derived from it.

    `id` is that of the log entry. Returns the names of the changed settings. Raises `LookupError`
    if the log has no earlier value, and `Refusal` if it is a picture that has been deleted.
    """
    row = session.scalar(_log_entries().where(Change.id == id))
    if row is None:
        raise LookupError(name)
    changes = {change.choice.name: change for change in _changes(row)}
    if name not in changes or not changes[name].can_go_back:
        raise LookupError(name)
    before = changes[name].before
    _refuse_deleted_picture(session, name, before)
    return save(session, {name: SettingUpdate(before), **_derived(row, name)})


def _refuse_deleted_picture(session: Session, name: str, before: SettingValue) -> None:
    if not isinstance(before, str) or not upload.STORED.fullmatch(before):
        return
    if not upload.picture_sizes(session, before, {}):
        raise Refusal(N_("This picture has been deleted in the meantime. Upload it again."), name)


def _derived(row: Change, name: str) -> dict[str, SettingUpdate]:
    """Return the earlier values of the settings derived from this one, where they changed too."""
    logged = row.facts.get(ROW, {})
    names = [other for other in SETTINGS if is_derived(other) and other.startswith(f"{name}_")]
    return {
        other: SettingUpdate(_form_value(other, logged[CHOICES_PREFIX + other][0]))
        for other in names
        if CHOICES_PREFIX + other in logged
    }
