"""A keeper's decisions: each against what the form was shown, so that nobody overwrites another."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from blog.config import LANGUAGES, N_
from blog.models.audit.action import action
from blog.models.base import Refusal
from blog.models.settings import site
from blog.models.settings.setting import Setting, declared, setting
from blog.models.settings.settings import Settings
from blog.models.settings.site import THE_ONE, Site, SiteFacts


@dataclass(frozen=True)
class Columns:
    """What has a column of its own in the site's row."""

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


COLUMNS = {one.name: one for one in declared(Columns)}
SETTINGS: dict[str, Setting] = {**COLUMNS, **{one.name: one for one in declared(Settings)}}


@dataclass(frozen=True)
class Wish:
    """What a setting is to be. `shown` is the mark of what the form was shown, if it was one."""

    value: Any
    shown: str = ""


class Overtaken(Refusal):
    """Somebody else has changed the same settings since the form was shown; none was written."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(N_("Somebody else has changed this since you opened the page."), names[0])
        self.names = tuple(names)


def mark(name: str, value: Any) -> str:
    """A value in short, to know it again."""
    text = json.dumps(SETTINGS[name].tidy(value), ensure_ascii=False)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]


def values(facts: SiteFacts) -> dict[str, Any]:
    """Every setting as it is, in the words of a form."""
    columns = {name: getattr(facts, name) for name in COLUMNS}
    columns["navigation"] = site.navigation_text(facts.navigation)
    kept = {name: getattr(facts.settings, name) for name in SETTINGS if name not in COLUMNS}
    return {**columns, **kept}


@action("settings.save")
def save(session: Session, wishes: Mapping[str, Wish]) -> list[str]:
    """Write what differs from what the form was shown; the names of what has changed.

    Raises `Overtaken` where that is no longer so, and `Refusal` at the field of the first fault.
    """
    row = session.get_one(Site, THE_ONE, with_for_update=True, populate_existing=True)
    present = values(site.facts(session))
    wanted = {name: SETTINGS[name].tidy(wish.value) for name, wish in wishes.items()}
    changed = [name for name in wanted if wanted[name] != present[name]]
    changed = [name for name in changed if mark(name, wanted[name]) != wishes[name].shown]
    over = [n for n in changed if wishes[n].shown and wishes[n].shown != mark(n, present[n])]
    if over:
        raise Overtaken(over)
    for name in changed:
        SETTINGS[name].refuse(wanted[name])
    _write(row, {name: wanted[name] for name in changed})
    return changed


def _write(row: Site, values: Mapping[str, Any]) -> None:
    kept = dict(row.choices)
    for name, value in values.items():
        if name == "navigation":
            row.navigation = site.read_navigation(value)
        elif name in COLUMNS:
            setattr(row, name, value.rstrip("/") if name == "address" else value)
        elif value == SETTINGS[name].default:
            kept.pop(name, None)
        else:
            kept[name] = value
    if kept != row.choices:
        row.choices = kept
