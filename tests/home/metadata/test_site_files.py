"""Icons, the web app manifest and security.txt."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from blog.config import Config
from blog.home.site_files import expiry
from blog.models.base import Refusal
from blog.models.settings.identity import read_profiles, read_security_contacts
from tests.admin.test_appearance import picture, settings, upload
from tests.home.test_views import page_of
from tests.support import cast
from tests.support.app_client import AppClient, Furnished
from tests.support.dashboard_client import Writer

SECURITY = "/.well-known/security.txt"


# --- icons and manifest ---


def test_every_public_page_names_the_manifest_and_the_icon_for_home_screens(
    open_client: AppClient,
) -> None:
    for path in ("/", "/about", "/tags", open_client.cast.ann_live.path):
        page = page_of(open_client, path)
        assert page.one("link", rel="manifest")["href"] == "/site.webmanifest"
        assert page.one("link", rel="apple-touch-icon")["href"] == "/apple-touch-icon.png"


def size_of(client: AppClient, address: str) -> tuple[int, int]:
    answer = client.get(address)
    assert (answer.status, answer.header("content-type")) == (200, "image/png")
    return Image.open(BytesIO(answer.body)).size


def test_ios_finds_an_opaque_icon_at_the_addresses_it_asks_for(open_client: AppClient) -> None:
    answer = open_client.get("/apple-touch-icon.png")
    assert answer.status == 302
    assert size_of(open_client, answer.header("location")) == (180, 180)
    icon = Image.open(BytesIO(open_client.get(answer.header("location")).body))
    assert "transparency" not in icon.info and icon.mode in ("P", "RGB")
    old = open_client.get("/apple-touch-icon-precomposed.png")
    assert old.header("location") == "/apple-touch-icon.png"


def manifest(client: AppClient) -> dict[str, object]:
    answer = client.get("/site.webmanifest")
    assert answer.status == 200
    assert answer.header("content-type") == "application/manifest+json"
    return dict(json.loads(answer.body))


def test_the_manifest_has_the_name_language_and_colours_of_the_site(client: AppClient) -> None:
    found = manifest(client)
    assert (found["name"], found["lang"], found["start_url"]) == (cast.TITLE, "en", "/")
    assert (found["theme_color"], found["background_color"]) == ("#1b4a8a", "#fafaf7")
    cast.choose(client.database, accent="#c2185b", scheme="dark")
    changed = manifest(client)
    assert changed["background_color"] == "#15181d"
    assert changed["theme_color"] != found["theme_color"]


def test_each_icon_of_the_manifest_has_the_size_it_claims(open_client: AppClient) -> None:
    icons = manifest(open_client)["icons"]
    assert isinstance(icons, list)
    assert {icon["purpose"] for icon in icons} == {"any", "maskable"}
    for icon in icons:
        width, height = size_of(open_client, icon["src"])
        assert icon["sizes"] == f"{width}x{height}"


def test_the_site_icon_replaces_the_mark_of_the_blog(kim: Writer) -> None:
    upload(kim, picture(400, 400))
    logo = settings(kim).logo
    assert kim.client.get("/apple-touch-icon.png").header("location") == logo
    [icon] = manifest(kim.client)["icons"]
    assert (icon["src"], icon["sizes"]) == (logo, "400x400")
    assert icon["type"] == kim.client.get(logo).header("content-type")


@pytest.fixture
def themed(furnished: Furnished, tmp_path: Path) -> Iterator[AppClient]:
    config = Config(data_dir=tmp_path / "data")
    config.theme_dir.mkdir(parents=True)
    (config.theme_dir / "apple-touch-icon.png").write_bytes(picture(120, 120))
    with AppClient(config, furnished) as client:
        yield client


def test_an_icon_in_the_theme_folder_comes_first(themed: AppClient) -> None:
    location = themed.get("/apple-touch-icon.png").header("location")
    assert size_of(themed, location) == (120, 120)


# --- security.txt ---


def test_there_is_no_security_txt_without_a_contact(open_client: AppClient) -> None:
    assert open_client.get(SECURITY).status == 404
    assert open_client.get("/security.txt").status == 404


def test_security_txt_names_the_contacts(client: AppClient) -> None:
    cast.choose(client.database, security_contacts="safe@ink.example\nhttps://ink.example/report\n")
    answer = client.get(SECURITY)
    assert answer.header("content-type") == "text/plain; charset=utf-8"
    fields = [tuple(line.split(": ", 1)) for line in answer.text.splitlines()]
    assert [value for name, value in fields if name == "Contact"] == [
        "mailto:safe@ink.example",
        "https://ink.example/report",
    ]
    values = dict(fields)
    assert values["Preferred-Languages"] == "en"
    assert values["Canonical"] == f"{cast.ADDRESS}{SECURITY}"
    left = datetime.fromisoformat(values["Expires"]) - datetime.now(UTC)
    assert timedelta(days=300) < left < timedelta(days=365)


def test_the_former_address_of_security_txt_redirects(client: AppClient) -> None:
    cast.choose(client.database, security_contacts="safe@ink.example")
    answer = client.get("/security.txt")
    assert (answer.status, answer.header("location")) == (301, SECURITY)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)),
        (datetime(2026, 2, 28, 23, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        (datetime(2026, 12, 31, 23, 59, 59, 9, tzinfo=UTC), datetime(2027, 11, 1, tzinfo=UTC)),
        (datetime(2028, 2, 29, tzinfo=UTC), datetime(2029, 1, 1, tzinfo=UTC)),
    ],
)
def test_security_txt_expires_within_a_year(moment: datetime, expected: datetime) -> None:
    assert expiry(moment) == expected


@pytest.mark.parametrize(
    "text",
    [
        "ann",
        "http://ink.example/report",
        "a@b",
        "mailto:",
        "javascript:alert(1)",
        "https://",
        "https://[",
        "a@ink.example, b@ink.example",
        "x@ink.example?bcc=y",
        "x@ink.example\n" * 21,
        "https://ink.example/\x01a",
        "https://ink.example/a\u202eb",
        "https://ink.example:port/",
        "https://ink..example/",
        "https://ink.example\\elsewhere.example/",
        f"https://{'a' * 64}.example/",
    ],
)
def test_a_contact_that_is_no_uri_is_refused(text: str) -> None:
    with pytest.raises(Refusal):
        read_security_contacts(text)


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        (
            "https://例子.example/安全?问=答#一",
            "https://xn--fsqu00a.example/%E5%AE%89%E5%85%A8?%E9%97%AE=%E7%AD%94#%E4%B8%80",
        ),
        (
            "https://ink.example/%E5%AE%89/100%/{a|b}",
            "https://ink.example/%E5%AE%89/100%25/%7Ba%7Cb%7D",
        ),
        ("HTTPS://Ink.Example:8443/Report", "https://ink.example:8443/Report"),
        ("https://[2001:db8::7]/a?b=c&d=e+f", "https://[2001:db8::7]/a?b=c&d=e+f"),
        ("https://ink.example", "https://ink.example"),
        ("https://ink.example//a?", "https://ink.example//a?"),
        ("https://ann@ink.example:/a", "https://ann@ink.example/a"),
        ("MAILTO:Safe@ink.example", "mailto:Safe@ink.example"),
        ("Tel:+1-201-555-0123", "tel:+1-201-555-0123"),
    ],
)
def test_a_contact_is_published_as_a_uri(client: AppClient, text: str, uri: str) -> None:
    cast.choose(client.database, security_contacts=text)
    assert client.get(SECURITY).text.splitlines()[0] == f"Contact: {uri}"


# --- profiles ---


def test_a_profile_is_published_as_a_uri(client: AppClient) -> None:
    cast.choose(client.database, profiles="HTTP://social.example/@安\nhttps://例子.example/@ann")
    links = page_of(client, "/").all("link")
    assert [link["href"] for link in links if link["rel"] == "me"] == [
        "http://social.example/@%E5%AE%89",
        "https://xn--fsqu00a.example/@ann",
    ]


@pytest.mark.parametrize("text", ["ann", "javascript:alert(1)", "https://", '<a href="">', "a b"])
def test_a_profile_that_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(Refusal):
        read_profiles(text)


def test_the_settings_page_explains_what_is_wrong_with_a_contact(kim: Writer) -> None:
    page = kim.get("/admin/settings")
    assert "Contact for security reports" in page.text
    assert "Profiles on other sites" in page.text
