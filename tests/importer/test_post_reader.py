"""Posts of every generator's shape, read from small collections of each."""

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


def posts(name: str, **how: str) -> dict[str, SourcePost]:
    return {post.file.rsplit("/", 1)[-1]: post for post in read(name, **how).posts}


def refused(name: str | Path) -> dict[str, str]:
    return {remark.file: str(remark) for remark in read(name).refused}


def said(post: SourcePost) -> str:
    return " | ".join(map(str, post.remarks))


def test_a_jekyll_post_is_read_whole() -> None:
    post = posts("jekyll")["2020-01-02-hello-world.md"]
    assert (post.title, post.slug, post.kind) == ("Hello: the first", "hello-world", "post")
    assert post.date == datetime(2020, 1, 2, 15, 30, tzinfo=UTC)
    assert (post.authors, post.tags) == (["Ann Archer"], ["python", "web", "notes"])
    assert (post.summary, post.cover) == ("What this is about", "img/dot.png")
    assert (post.language, post.draft, post.listed) == ("en", False, True)
    assert (post.path, post.guesses) == (
        None,
        ["/notes/2020/01/02/hello-world/", "/2020/01/02/hello-world/"],
    )
    assert post.extra == {"layout": "post", "catalog": "true"}
    assert post.body.startswith("\nThe *first* post.") and post.body.endswith("stays.</div>\n")


def test_jekylls_own_permalink_redirects_and_hidden_are_kept() -> None:
    post = posts("jekyll")["2020-02-03-second.markdown"]
    assert post.path == "/custom/second.html"
    assert post.aliases == ["/2020/second/", "/really/old"]
    assert (post.listed, post.language) == (False, "en")
    assert post.authors == ["Ann Archer", "白波"]
    assert post.updated == datetime(2021, 5, 6, tzinfo=UTC)


def test_the_text_stays_as_typed_byte_for_byte() -> None:
    typed = (SAMPLES / "jekyll/_posts/2020-03-04-你好.md").read_bytes()
    post = posts("jekyll")["2020-03-04-你好.md"]
    assert "\r\n" in post.body and typed.endswith(post.body.encode())
    assert (post.slug, post.language, post.tags) == ("ni-hao", "zh", ["随笔", "1.10"])


def test_drafts_and_unpublished_posts_are_drafts() -> None:
    found = posts("jekyll")
    assert found["idea.md"].draft and found["2020-04-05-unpublished.md"].draft
    assert not found["2020-01-02-hello-world.md"].draft


def test_what_stands_beside_posts_is_a_page() -> None:
    page = posts("jekyll")["about.md"]
    assert (page.kind, page.path) == ("page", "/about-us/")


def test_every_file_that_is_no_post_is_reported_with_its_reason() -> None:
    assert {file: reason[:24] for file, reason in refused("jekyll").items()} == {
        "README.md": "It describes the folder ",
        "_includes/note.md": "It belongs to the old si",
        "_posts/2020-05-06-page.html": "It is not a Markdown or ",
    }
    assert set(refused("zola")) == {"content/_index.md", "content/latest.md"}
    assert set(refused("hexo")) == {"source/tags/index.md"}
    assert set(refused("hugo")) == {"content/posts/_index.md", "themes/plain/README.md"}


@pytest.mark.parametrize("name", ["jekyll", "hugo", "zola", "hexo", "pelican", "plain"])
def test_every_text_is_a_post_or_reported(name: str) -> None:
    texts = [
        path
        for path in (SAMPLES / name).rglob("*")
        if path.suffix in (".md", ".markdown", ".rst", ".html")
        and not {".hidden", "node_modules"}.intersection(path.parts)
    ]
    assert read(name).found == len(texts)


def test_a_hugo_post_is_read_whole() -> None:
    post = posts("hugo")["first.md"]
    assert (post.title, post.slug, post.summary) == ("A TOML post", "renamed", "In short")
    assert post.date == datetime(2021, 6, 7, 6, 9, 10, tzinfo=UTC)
    assert post.updated == datetime(2021, 7, 1, tzinfo=UTC)
    assert (post.tags, post.cover) == (["go", "Web", "notes"], "images/cover.png")
    assert post.aliases == ["/old/first/", "/elsewhere/first.html"]
    assert (post.path, post.guesses) == (None, ["/posts/renamed/"])


def test_a_bundle_takes_its_folders_name_and_its_own_url() -> None:
    post = posts("hugo")["index.md"]
    assert (post.slug, post.path, post.cover) == ("bundle", "/the/bundle/", "picture.png")


def test_a_file_may_name_its_language() -> None:
    post = posts("hugo")["two.zh-cn.md"]
    assert (post.slug, post.language) == ("two", "zh")


def test_a_post_with_broken_front_matter_is_taken_and_told_of() -> None:
    post = posts("hugo")["broken.md"]
    assert (post.title, post.tags, post.body) == ("A broken: one", ["kept"], "Still taken.\n")
    assert "The front matter is invalid" in said(post)


def test_zolas_path_is_the_address_with_its_slash_and_tells_the_day() -> None:
    post = posts("zola")["release.md"]
    assert post.path == "/2022/01/02/Release-1.0/"
    assert post.aliases == ["/2022/01/02/Release-1.0.html", "/releases/1.0"]
    assert post.date == datetime(2022, 1, 2, tzinfo=UTC)
    assert post.authors == ["The Team", "Bob, Jr."]
    assert (post.tags, post.extra) == (["release"], {"team": "release"})
    assert posts("zola")["deep.md"].guesses == ["/inside/deep/"]


def test_hexos_open_front_matter_and_nested_categories() -> None:
    post = posts("hexo")["hello.md"]
    assert (post.title, post.tags) == ("Hello Hexo", ["C++", "前端", "Front", "CSS", "Notes"])
    assert (post.aliases, post.cover) == (["/old/hello/"], "pic.png")
    assert posts("hexo")["index.md"].kind == "page"
    assert posts("hexo")["index.md"].slug == "about"


def test_pelicans_headers() -> None:
    post = posts("pelican")["headed.md"]
    assert (post.title, post.slug, post.listed) == ("With headers", "my-headed-post", False)
    assert post.authors == ["Alexis Author", "Conan Coauthor"]
    assert post.tags == ["pelican", "publishing", "Python"]
    assert post.summary == "Short version for index and feeds"
    assert post.body.startswith("The content:")
    assert posts("pelican")["contact.md"].path == "/contact.html"


def test_pelicans_restructured_text() -> None:
    post = posts("pelican")["restructured.rst"]
    assert (post.title, post.slug) == ("My super post", "my-super-post")
    assert post.tags == ["thats", "awesome", "yeah"]
    assert post.authors == ["Alexis Author", "Conan Coauthor"]
    assert "*emphasis*" in post.body and "## Details" in post.body
    assert '"raw" directive disabled' in said(post)
    assert post.typed.startswith("My super post\n#####")


def test_without_front_matter_the_first_heading_or_the_name_is_the_title() -> None:
    found = posts("plain")
    assert found["bare.md"].title == "The only heading"
    assert found["nothing_at_all.md"].title == "nothing at all"
    assert "the first heading is used" in said(found["bare.md"])
    assert "the file name is used" in said(found["nothing_at_all.md"])
    assert found["bare.md"].body == (SAMPLES / "plain/bare.md").read_text("utf-8")


def test_without_a_date_the_files_own_stands_in_and_is_told() -> None:
    post = posts("plain")["bare.md"]
    assert post.date is None and post.touched is not None and post.touched <= now()
    assert f"{post.touched:%Y-%m-%d}" in said(post)


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    post = posts("plain")["marked.md"]
    assert (post.title, post.body) == ("With a mark", "After a byte order mark.\n")


def test_a_text_that_begins_with_a_rule_has_no_front_matter() -> None:
    assert posts("plain")["rule.md"].body.startswith("---\nNot front matter.")


def test_what_cannot_be_decoded_is_reported() -> None:
    assert refused("plain") == {"gbk.md": "It is not UTF-8 text."}


def test_a_day_alone_is_its_midnight_in_the_blogs_zone() -> None:
    post = posts("plain", zone="Asia/Shanghai")["marked.md"]
    assert post.date == datetime(2017, 1, 1, 16, tzinfo=UTC)


def test_a_pattern_gives_addresses_to_posts_that_have_none() -> None:
    found = posts("jekyll", pattern="/:year/:month/:day/:title/")
    assert found["2020-01-02-hello-world.md"].path == "/2020/01/02/hello-world/"
    assert found["2020-03-04-你好.md"].path == "/2020/03/04/你好/"
    assert found["2020-02-03-second.markdown"].path == "/custom/second.html"
    assert found["about.md"].path == "/about-us/"


def test_a_pattern_counts_days_as_the_old_blog_did() -> None:
    """23:30 in Shanghai is the day before in UTC; the address bears the day that was typed."""
    found = posts("jekyll", pattern="/:year/:month/:day/:title/", zone="America/New_York")
    assert found["2020-01-02-hello-world.md"].path == "/2020/01/02/hello-world/"


def test_links_that_leave_the_folder_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("# Secret\n")
    inside = tmp_path / "old"
    inside.mkdir()
    (inside / "way-out.md").symlink_to(tmp_path / "secret.md")
    (inside / "everything").symlink_to(tmp_path)
    (inside / "dangling.md").symlink_to(tmp_path / "nowhere.md")
    found = read(inside)
    assert found.posts == []
    assert {remark.file for remark in found.refused} == {"way-out.md", "dangling.md"}


def test_a_file_that_is_too_large_is_reported(tmp_path: Path) -> None:
    (tmp_path / "large.md").write_bytes(b"a" * 2_000_001)
    assert "larger than" in refused(tmp_path)["large.md"]


def test_a_binary_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "zero.md").write_bytes(b"a\0b")
    assert "NUL bytes" in refused(tmp_path)["zero.md"]


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="is not a folder"):
        read(tmp_path / "nowhere")


@pytest.mark.parametrize("status", ["draft", "private", "pending", "Trash"])
def test_what_the_old_site_showed_to_nobody_is_a_draft(tmp_path: Path, status: str) -> None:
    (tmp_path / "one.md").write_text(f"---\ntitle: A\nstatus: {status}\n---\nText")
    assert read(tmp_path).posts[0].draft
