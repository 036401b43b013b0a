"""Saving settings: validation, and detection of concurrent edits."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from blog.config import LANGUAGES, N_
from blog.models.audit.action import action
from blog.models.base import Refusal
from blog.models.settings import site
from blog.models.settings.setting import Setting, SettingValue, declared, setting
from blog.models.settings.settings import Settings
from blog.models.settings.site import SITE_ID, Site, SiteFacts


@dataclass(frozen=True)
class Columns:
    """The settings that have their own column in the table `site`."""

    title: str = setting(
        "inkhouse",
        "site",
        N_("Title"),
        N_("Shown on every page and in every feed."),
        most=200,
        check=site.check_title,
    )
    tagline: str = setting("", "site", N_("Tagline"), N_("One line below the title."))
    address: str = setting(
        "",
        "site",
        N_("Public address"),
        N_("Such as https://example.org. Links in feeds and emails start with it."),
        most=300,
        check=site.check_address,
    )
    language: str = setting(
        "en",
        "site",
        N_("Language"),
        N_("Language of the blog's interface. Each post has a language of its own."),
        options=LANGUAGES,
    )
    timezone: str = setting(
        "UTC",
        "site",
        N_("Time zone"),
        N_("Used for all dates on the pages and for the time of scheduled posts."),
        most=64,
        check=site.check_timezone,
    )
    navigation: str = setting(
        "",
        "reading",
        N_("Navigation"),
        N_("One link per line: label, space, address, such as: About /about"),
        kind="lines",
        most=4000,
        check=site.read_navigation,
    )
    posts_per_page: int = setting(
        10,
        "reading",
        N_("Posts per page"),
        N_("On the front page and on the pages of tags, authors and months."),
        least=1,
        most=100,
    )


COLUMNS = {declaration.name: declaration for declaration in declared(Columns)}
SETTINGS: dict[str, Setting] = COLUMNS | {
    declaration.name: declaration for declaration in declared(Settings)
}


@dataclass(frozen=True)
class SettingUpdate:
    """The new value of a setting.

    `shown` is the fingerprint (see `mark`) of the value that the form displayed, or empty if the
    value does not come from a form.
    """

    value: SettingValue
    shown: str = ""


class EditConflict(Refusal):
    """Another user has changed the same settings since the form was displayed.

    Nothing was saved. `names` are the settings in conflict.
    """

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(N_("Somebody else has changed this since you opened the page."), names[0])
        self.names = tuple(names)


def fingerprint(name: str, value: SettingValue) -> str:
    """Return a fingerprint of a setting's value, 16 hexadecimal digits."""
    text = json.dumps(SETTINGS[name].tidy(value), ensure_ascii=False)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]


def values(facts: SiteFacts) -> dict[str, SettingValue]:
    """Return the current value of every setting as a form shows it."""
    columns = {name: getattr(facts, name) for name in COLUMNS}
    columns["navigation"] = site.navigation_text(facts.navigation)
    others = {name: getattr(facts.settings, name) for name in SETTINGS if name not in COLUMNS}
    return {**columns, **others}


@action("settings.save")
def save(session: Session, wishes: Mapping[str, SettingUpdate]) -> list[str]:
    """Save the settings that the user has changed; returns their names.

    Raises `EditConflict` if another user has changed them too, and `Refusal` for the first invalid
    value.
    """
    row = session.get_one(Site, SITE_ID, with_for_update=True, populate_existing=True)
    current = values(site.facts(session))
    new = {name: SETTINGS[name].tidy(wish.value) for name, wish in wishes.items()}
    changed = [name for name in new if new[name] != current[name]]
    # A value that equals the displayed one was changed by somebody else, not by this user.
    changed = [name for name in changed if fingerprint(name, new[name]) != wishes[name].shown]
    conflicts = [
        name
        for name in changed
        if wishes[name].shown and wishes[name].shown != fingerprint(name, current[name])
    ]
    if conflicts:
        raise EditConflict(conflicts)
    for name in changed:
        SETTINGS[name].refuse(new[name])
    _write(row, {name: new[name] for name in changed})
    return changed


def _write(row: Site, values: Mapping[str, SettingValue]) -> None:
    """Store values in their columns or in `choices`, which leaves out defaults."""
    choices = dict(row.choices)
    for name, value in values.items():
        if name == "navigation":
            row.navigation = site.read_navigation(str(value))
        elif name == "address":
            row.address = str(value).rstrip("/")
        elif name in COLUMNS:
            setattr(row, name, value)
        elif value == SETTINGS[name].default:
            choices.pop(name, None)
        else:
            choices[name] = value
    if choices != row.choices:
        row.choices = choices
