"""BLOG_DATABASE_URL: which forms are accepted, and that its password is never shown."""

from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import make_url

from blog.__main__ import main
from blog.config import BadSetting, Config

VALID = [
    "postgresql:///blog",
    "postgresql://",
    "postgresql://ann@/blog",
    "postgresql://ann@host",
    "postgresql://ann:hush@db.example/blog",
    "postgresql://ann:hush@db.example:5433/blog",
    "postgresql://ann:hush@db.example:/blog",
    "postgresql://ann:hush@/blog?host=/var/run/postgresql",
    "postgresql://ann:hush@?host=/var/run/postgresql&dbname=blog",
    "postgresql://ann@%2Fvar%2Frun%2Fpostgresql/blog",
    "postgresql://ann:hush@[::1]:5433/blog",
    "postgresql://ann:hush@[2001:db8::7]/blog",
    "postgresql://ann:hush@one.example,two.example/blog",
    "postgresql://ann:hush@one.example:5433,[::1]:5434,two.example/blog",
    "postgresql://db.example/blog?sslmode=require&application_name=the%20blog",
    "postgresql://db.example/blog?user=ann@tenant",
    "postgresql://ann:a%40%2F%23%3F%25%5B@db.example/blog",
    "postgresql://ann:a:b!$&'()*+,;=-._~^密@db.example/blog",
]


@pytest.mark.parametrize("url", VALID)
def test_a_valid_url_names_the_same_database_for_every_program(url: str) -> None:
    found = make_url(Config.from_env({"BLOG_DATABASE_URL": url}).database)
    [_, ours] = found.get_dialect()().create_connect_args(found)
    assert {key: str(value) for key, value in ours.items()} == conninfo_to_dict(url)


INVALID = [
    "postgresql://ann:hush@[bad/blog",
    "postgresql://ann:hush@[bad]/blog",
    "postgresql://ann:hush@[::1]x/blog",
    "postgresql://ann:hush@db:port/blog",
    "postgresql://ann:hush@db:0/blog",
    "postgresql://ann:hush@db:65536/blog",
    "postgresql://ann:hush@one:1,two:x/blog",
    "postgresql://ann:hush@2001:db8::7/blog",
    "postgresql://ann:hush/hid@db.example:5432/blog",
    "postgresql://ann:12/hush@db.example/blog",
    "postgresql://ann:12?hush=hid@db.example/blog",
    "postgresql://ann:hush#hid@db.example/blog",
    "postgresql://ann:hush?hid@db.example/blog",
    "postgresql://ann:hush@hid@db.example/blog",
    "postgresql://ann:hush[hid@db.example/blog",
    "postgresql://ann:hush hid@db.example/blog",
    "postgresql://ann:hush%hid@db.example/blog",
    "postgresql://ann:hush%00@db.example/blog",
    "postgresql://ann:hush＠hid@db.example/blog",
    "postgresql://ann:hush@%ff/blog",
]


@pytest.mark.parametrize("url", INVALID)
def test_the_error_for_an_invalid_url_does_not_show_it(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "url"
    path.write_text(url)
    monkeypatch.setenv("BLOG_DATABASE_URL_FILE", str(path))
    with pytest.raises(BadSetting, match="^BLOG_DATABASE_URL must have the form") as error:
        Config.from_env()
    assert error.value.__cause__ is None
    assert main(["settings"]) == 1
    output = "".join(capsys.readouterr())
    assert output.count("\n") == 1
    assert not any(part in output for part in ("hush", "hid", "ann", "db.example"))


@pytest.mark.parametrize("url", INVALID)
def test_the_place_of_the_database_never_contains_the_password(url: str) -> None:
    """Even if a program makes the settings without checking them."""
    place = Config(database_url=url).database_place
    assert place.startswith("postgresql://…")
    assert not any(part in place for part in ("hush", "hid", "ann"))


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("postgresql:///blog", "postgresql:///blog"),
        ("postgresql://ann:hush@[::1]:5433/blog?sslmode=require", "postgresql://…@[::1]:5433/blog"),
        ("postgresql://ann:hush@one:1,two:2/blog", "postgresql://…@one:1,two:2/blog"),
        ("postgresql://db.example/blog?password=hush", "postgresql://db.example/blog"),
        ("postgresql://db.example/blog?password=a@hush", "postgresql://…"),
    ],
)
def test_the_place_of_the_database_is_shown_without_login_and_options(url: str, place: str) -> None:
    config = Config.from_env({"BLOG_DATABASE_URL": url})
    assert config.database_place == place
