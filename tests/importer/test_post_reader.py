"""Tests of reading posts from a small sample blog of each site generator."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from blog.importer.source import collection
from blog.importer.source.collection import Collection
from blog.importer.source.source_post import SourcePost
from blog.models.base import Refusal, now
from tests.support.paths import SAMPLES


def read(name: str | Path, zone: str = "UTC", pattern: str = "") -> Collection:
    return collection.read(SAMPLES / name, zone=ZoneInfo(zone), pattern=pattern, now=now())


def posts(name: str, **options: str) -> dict[str, SourcePost]:
    return {post.file.rsplit("/", 1)[-1]: post for post in read(name, **options).posts}


def rejected(name: str | Path) -> dict[str, str]:
    return {remark.file: str(remark) for remark in read(name).rejected}


def remarks_of(post: SourcePost) -> str:
    return " | ".join(map(str, post.remarks))


def test_a_jekyll_post_is_read_completely() -> None:
    post = posts("jekyll")["2020-01-02-hello-world.md"]
    assert (post.title, post.slug, post.kind) == ("Hello: the first", "hello-world", "post")
    assert post.date == datetime(2020, 1, 2, 15, 30, tzinfo=UTC)
    assert (post.authors, post.tags) == (["Ann Archer"], ["python", "web", "notes"])
    assert (post.content["subtitle"], post.cover) == ("What this is about", "img/dot.png")
    assert (post.content["language"], post.draft, post.content["is_listed"]) == ("en", False, True)
    assert (post.path, post.guesses) == (
        None,
        ["/notes/2020/01/02/hello-world/", "/2020/01/02/hello-world/"],
    )
    assert post.extra == {"layout": "post", "catalog": "true"}
    assert post.body.startswith("\nThe *first* post.") and post.body.endswith("stays.</div>\n")


def test_permalink_redirects_and_hidden_of_jekyll_are_kept() -> None:
    post = posts("jekyll")["2020-02-03-second.markdown"]
    assert post.path == "/custom/second.html"
    assert post.aliases == ["/2020/second/", "/really/old"]
    assert (post.content["is_listed"], post.content["language"]) == (False, "en")
    assert post.authors == ["Ann Archer", "白波"]
    assert post.updated == datetime(2021, 5, 6, tzinfo=UTC)


def test_the_text_stays_the_same_byte_for_byte() -> None:
    typed = (SAMPLES / "jekyll/_posts/2020-03-04-你好.md").read_bytes()
    post = posts("jekyll")["2020-03-04-你好.md"]
    assert "\r\n" in post.body and typed.endswith(post.body.encode())
    assert (post.slug, post.content["language"], post.tags) == ("ni-hao", "zh", ["随笔", "1.10"])


def test_drafts_and_unpublished_posts_are_drafts() -> None:
    by_name = posts("jekyll")
    assert by_name["idea.md"].draft and by_name["2020-04-05-unpublished.md"].draft
    assert not by_name["2020-01-02-hello-world.md"].draft


def test_a_file_beside_the_posts_folder_is_a_page() -> None:
    page = posts("jekyll")["about.md"]
    assert (page.kind, page.path) == ("page", "/about-us/")


def test_every_file_that_is_not_a_post_is_reported_with_a_reason() -> None:
    assert {file: reason[:24] for file, reason in rejected("jekyll").items()} == {
        "README.md": "It describes the folder ",
        "_includes/note.md": "It belongs to the old si",
        "_posts/2020-05-06-page.html": "It is not a Markdown or ",
    }
    assert set(rejected("zola")) == {"content/_index.md", "content/latest.md"}
    assert set(rejected("hexo")) == {"source/tags/index.md"}
    assert set(rejected("hugo")) == {"content/posts/_index.md", "themes/plain/README.md"}


@pytest.mark.parametrize("name", ["jekyll", "hugo", "zola", "hexo", "pelican", "plain"])
def test_every_text_is_a_post_or_reported(name: str) -> None:
    texts = [
        path
        for path in (SAMPLES / name).rglob("*")
        if path.suffix in (".md", ".markdown", ".rst", ".html")
        and not {".hidden", "node_modules"}.intersection(path.parts)
    ]
    assert read(name).file_count == len(texts)


def test_a_hugo_post_is_read_completely() -> None:
    post = posts("hugo")["first.md"]
    assert (post.title, post.slug, post.content["summary"]) == (
        "A TOML post",
        "renamed",
        "In short",
    )
    assert post.date == datetime(2021, 6, 7, 6, 9, 10, tzinfo=UTC)
    assert post.updated == datetime(2021, 7, 1, tzinfo=UTC)
    assert (post.tags, post.cover) == (["go", "Web", "notes"], "images/cover.png")
    assert post.aliases == ["/old/first/", "/elsewhere/first.html"]
    assert (post.path, post.guesses) == (None, ["/posts/renamed/"])


def test_a_bundle_is_named_by_its_folder_and_keeps_its_url() -> None:
    post = posts("hugo")["index.md"]
    assert (post.slug, post.path, post.cover) == ("bundle", "/the/bundle/", "picture.png")


def test_a_file_name_may_contain_the_language() -> None:
    post = posts("hugo")["two.zh-cn.md"]
    assert (post.slug, post.content["language"]) == ("two", "zh")


def test_a_post_with_invalid_front_matter_is_read_and_reported() -> None:
    post = posts("hugo")["broken.md"]
    assert (post.title, post.tags, post.body) == ("A broken: one", ["kept"], "Still taken.\n")
    assert "The front matter is invalid" in remarks_of(post)


def test_the_path_of_zola_is_the_address_with_a_slash_and_contains_the_date() -> None:
    post = posts("zola")["release.md"]
    assert post.path == "/2022/01/02/Release-1.0/"
    assert post.aliases == ["/2022/01/02/Release-1.0.html", "/releases/1.0"]
    assert post.date == datetime(2022, 1, 2, tzinfo=UTC)
    assert post.authors == ["The Team", "Bob, Jr."]
    assert (post.tags, post.extra) == (["release"], {"team": "release"})
    assert posts("zola")["deep.md"].guesses == ["/inside/deep/"]


def test_hexo_front_matter_without_a_first_rule_and_nested_categories_are_read() -> None:
    post = posts("hexo")["hello.md"]
    assert (post.title, post.tags) == ("Hello Hexo", ["C++", "前端", "Front", "CSS", "Notes"])
    assert (post.aliases, post.cover) == (["/old/hello/"], "pic.png")
    assert posts("hexo")["index.md"].kind == "page"
    assert posts("hexo")["index.md"].slug == "about"


def test_pelican_headers_are_read() -> None:
    post = posts("pelican")["headed.md"]
    assert (post.title, post.slug, post.content["is_listed"]) == (
        "With headers",
        "my-headed-post",
        False,
    )
    assert post.authors == ["Alexis Author", "Conan Coauthor"]
    assert post.tags == ["pelican", "publishing", "Python"]
    assert post.content["summary"] == "Short version for index and feeds"
    assert post.body.startswith("The content:")
    assert posts("pelican")["contact.md"].path == "/contact.html"


def test_pelican_restructured_text_is_read() -> None:
    post = posts("pelican")["restructured.rst"]
    assert (post.title, post.slug) == ("My super post", "my-super-post")
    assert post.tags == ["thats", "awesome", "yeah"]
    assert post.authors == ["Alexis Author", "Conan Coauthor"]
    assert "*emphasis*" in post.body and "## Details" in post.body
    assert '"raw" directive disabled' in remarks_of(post)
    assert post.source_rst.startswith("My super post\n#####")


def test_without_front_matter_the_first_heading_or_the_file_name_is_the_title() -> None:
    by_name = posts("plain")
    assert by_name["bare.md"].title == "The only heading"
    assert by_name["nothing_at_all.md"].title == "nothing at all"
    assert "the first heading is used" in remarks_of(by_name["bare.md"])
    assert "the file name is used" in remarks_of(by_name["nothing_at_all.md"])
    assert by_name["bare.md"].body == (SAMPLES / "plain/bare.md").read_text("utf-8")


def test_without_a_date_the_date_of_the_file_is_used_and_reported() -> None:
    post = posts("plain")["bare.md"]
    assert post.date is None and post.modified_at is not None and post.modified_at <= now()
    assert f"{post.modified_at:%Y-%m-%d}" in remarks_of(post)


def test_a_byte_order_mark_is_not_part_of_the_text() -> None:
    post = posts("plain")["marked.md"]
    assert (post.title, post.body) == ("With a mark", "After a byte order mark.\n")


def test_a_text_that_begins_with_a_rule_has_no_front_matter() -> None:
    assert posts("plain")["rule.md"].body.startswith("---\nNot front matter.")


def test_a_file_that_cannot_be_decoded_is_reported() -> None:
    assert rejected("plain") == {"gbk.md": "It is not UTF-8 text."}


def test_a_date_without_a_time_is_midnight_in_the_time_zone_of_the_blog() -> None:
    post = posts("plain", zone="Asia/Shanghai")["marked.md"]
    assert post.date == datetime(2017, 1, 1, 16, tzinfo=UTC)


def test_a_pattern_gives_addresses_to_posts_without_one() -> None:
    by_name = posts("jekyll", pattern="/:year/:month/:day/:title/")
    assert by_name["2020-01-02-hello-world.md"].path == "/2020/01/02/hello-world/"
    assert by_name["2020-03-04-你好.md"].path == "/2020/03/04/你好/"
    assert by_name["2020-02-03-second.markdown"].path == "/custom/second.html"
    assert by_name["about.md"].path == "/about-us/"


def test_a_pattern_uses_the_date_in_the_time_zone_of_the_post() -> None:
    """23:30 in Shanghai is another day in UTC; the address contains the date as typed."""
    by_name = posts("jekyll", pattern="/:year/:month/:day/:title/", zone="America/New_York")
    assert by_name["2020-01-02-hello-world.md"].path == "/2020/01/02/hello-world/"


def test_symbolic_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("# Secret\n")
    inside = tmp_path / "old"
    inside.mkdir()
    (inside / "way-out.md").symlink_to(tmp_path / "secret.md")
    (inside / "everything").symlink_to(tmp_path)
    (inside / "dangling.md").symlink_to(tmp_path / "nowhere.md")
    old_blog = read(inside)
    assert old_blog.posts == []
    assert {remark.file for remark in old_blog.rejected} == {"way-out.md", "dangling.md"}


def test_a_file_that_is_too_large_is_reported(tmp_path: Path) -> None:
    (tmp_path / "large.md").write_bytes(b"a" * 2_000_001)
    assert "larger than" in rejected(tmp_path)["large.md"]


def test_a_binary_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "zero.md").write_bytes(b"a\0b")
    assert "NUL bytes" in rejected(tmp_path)["zero.md"]


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="is not a folder"):
        read(tmp_path / "nowhere")


@pytest.mark.parametrize("status", ["draft", "private", "pending", "Trash"])
def test_a_post_that_the_old_site_did_not_show_is_a_draft(tmp_path: Path, status: str) -> None:
    (tmp_path / "one.md").write_text(f"---\ntitle: A\nstatus: {status}\n---\nText")
    assert read(tmp_path).posts[0].draft
