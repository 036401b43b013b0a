"""Where links and pictures of old posts lead, and how an old text is compared with the new."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blog.importer import loss_check
from blog.importer.addresses.links import LinkResolver, templated
from blog.importer.addresses.path_allocator import PathAllocator
from blog.importer.source import collection
from blog.importer.source.source_post import SourcePost
from blog.markup import render
from blog.models.base import now
from tests.support.paths import SAMPLES


def guide_of(name: str, old_url: str = "", pattern: str = "") -> LinkResolver:
    found = collection.read(SAMPLES / name, zone=ZoneInfo("UTC"), pattern=pattern, now=now())
    places = PathAllocator({})
    places.settle(found.posts, {})
    return LinkResolver(found.folder, found.posts, places.of, old_url)


def leads(guide: LinkResolver, file: str, target: str) -> str:
    """Our address, the picture's name, or what kind of nowhere."""
    way = guide.way(guide.files[file], target)
    return way.to or (way.file.name if way.file else way.kind)


@pytest.mark.parametrize(
    ("target", "leads_to"),
    [
        ("2020-02-03-second.markdown", "/custom/second.html"),
        ("./2020-02-03-second.markdown", "/custom/second.html"),
        ("../about.md", "/about-us/"),
        ("/about-us", "/about-us/"),
        ("/custom/SECOND", "/custom/second.html"),
        ("/2020/second/", "/custom/second.html"),
        ("/2020/03/04/%E4%BD%A0%E5%A5%BD/", "/posts/ni-hao"),
        ("/2020/03/04/你好.html", "/posts/ni-hao"),
        ("../second/", "dangling"),
        ("/img/dot.png", "dot.png"),
        ("/img/dot.png?raw=true", "dot.png"),
        ("../img/dot.png", "dot.png"),
        ("/img/none.png", "dangling"),
        ("/../../../etc/passwd.png", "dangling"),
        ("https://other.example/custom/second.html", "abroad"),
        ("mailto:ann@old.example", "abroad"),
        ("//cdn.example/x.png", "abroad"),
        ("http://[broken", "abroad"),
        ("/feed.xml", "/feed.atom"),
        ("/", "/"),
        ("", "dangling"),
        ("{% post_url 2020-02-03-second %}", "/custom/second.html"),
        ("{% link _posts/2020-02-03-second.markdown %}", "/custom/second.html"),
        ("{{ site.baseurl }}/img/dot.png", "dot.png"),
        ("{{ site.url }}{{ site.baseurl }}/about-us/", "/about-us/"),
        ('{{ "/img/dot.png" | relative_url }}', "dot.png"),
        ("{% post_url 1999-01-01-none %}", "dangling"),
    ],
)
def test_a_jekyll_posts_links(target: str, leads_to: str) -> None:
    assert leads(guide_of("jekyll"), "_posts/2020-01-02-hello-world.md", target) == leads_to


@pytest.mark.parametrize(
    ("old_url", "target", "leads_to"),
    [
        ("https://old.example", "https://old.example/custom/second.html", "/custom/second.html"),
        ("https://old.example/", "http://OLD.example/custom/second/", "/custom/second.html"),
        ("old.example", "//old.example/img/dot.png", "dot.png"),
        ("https://old.example/blog", "https://old.example/blog/about-us", "/about-us/"),
        ("https://old.example/blog", "https://old.example/blogging/about-us", "abroad"),
        ("https://old.example/blog", "https://old.example/about-us", "abroad"),
        ("https://old.example", "https://old.example.org/about-us", "abroad"),
        ("https://old.example", "https://old.example", "/"),
        ("https://old.example", "https://old.example/gone/", "dangling"),
    ],
)
def test_links_to_the_old_site(old_url: str, target: str, leads_to: str) -> None:
    guide = guide_of("jekyll", old_url)
    assert leads(guide, "_posts/2020-01-02-hello-world.md", target) == leads_to


@pytest.mark.parametrize(
    ("name", "file", "target", "leads_to"),
    [
        ("zola", "content/release.md", "@/inside/deep.md", "/posts/deep"),
        ("zola", "content/inside/deep.md", "../release.md", "/2022/01/02/Release-1.0/"),
        ("zola", "content/inside/deep.md", "/2022/01/02/Release-1.0", "/2022/01/02/Release-1.0/"),
        ("zola", "content/inside/deep.md", "../../2022/01/02/Release-1.0/chart.svg", "chart.svg"),
        ("hugo", "content/posts/first.md", "../bundle/", "/the/bundle/"),
        ("hugo", "content/posts/first.md", "/posts/bundle", "/the/bundle/"),
        ("hugo", "content/posts/first.md", "/images/cover.png", "cover.png"),
        ("hugo", "content/posts/first.md", "images/cover.png", "cover.png"),
        ("hugo", "content/posts/bundle/index.md", "picture.png", "picture.png"),
        ("hugo", "content/posts/first.md", '{{< relref "other.md" >}}', "/posts/other"),
        ("hexo", "source/_posts/hello.md", "pic.png", "pic.png"),
        ("hexo", "source/_posts/hello.md", "/about/", "/about"),
        ("pelican", "content/headed.md", "%7Bfilename%7Drestructured.rst", "/posts/my-super-post"),
        ("pelican", "content/headed.md", "{static}/images/pic.png", "pic.png"),
        ("pelican", "content/headed.md", "{filename}/pages/contact.md", "/contact.html"),
        ("pelican", "content/headed.md", "/my-super-post.html", "/posts/my-super-post"),
    ],
)
def test_each_makers_own_ways(name: str, file: str, target: str, leads_to: str) -> None:
    assert leads(guide_of(name), file, target) == leads_to


@given(st.text(max_size=60) | st.from_regex(r"[./@{}%#?:a-z]{1,40}", fullmatch=True))
def test_no_target_breaks_the_guide(target: str) -> None:
    guide = guide_of("zola", "https://old.example")
    for post in guide.files.values():
        way = guide.way(post, target)
        assert way.file is None or way.file.resolve().is_relative_to(SAMPLES)


def test_targets_written_as_tags_are_found_in_the_text() -> None:
    body = (
        "[a]({% post_url x %}#part) ![b]({{ site.baseurl }}/img/c.png)\n\n[d]: {% link e.md %}\n"
        '[f]({{< ref "g.md" >}}) and {% include h %}\n'
    )
    assert templated(body) == [
        "{% post_url x %}#part",
        "{{ site.baseurl }}/img/c.png",
        "{% link e.md %}",
        '{{< ref "g.md" >}}',
    ]


@pytest.mark.parametrize(
    "body",
    [
        "Three plain words",
        "# A *heading* here\n\n- and [a link](http://a.example/b-c-d 'title') too",
        "`code words` and\n\n```python\nx = dict[str, int]\n```\n",
        "A [ref][x] and [x] and ![alt text](y.png)\n\n[x]: http://a.example/some/words\n",
        "Han 汉字 and words混排。",
        "<div class='a b'>raw <b>html</b></div>\n\n<style>.x { color: red }</style>\n",
        "Note[^1] here.\n\n[^1]: Said so <https://a.example/path>.\n",
        "| a | b |\n| --- | --- |\n| one | two |\n",
        "A lone ` tick and Vec<T> in `Vec<String>`.",
    ],
)
def test_words_are_counted_alike_in_markdown_and_in_html(body: str) -> None:
    assert loss_check.words_typed(body) == loss_check.words_shown(
        loss_check.page(render(body).html)
    )


def post(body: str) -> SourcePost:
    found = collection.read(SAMPLES / "plain", zone=ZoneInfo("UTC"), pattern="", now=now()).posts[0]
    found.body = body
    return found


def test_a_text_that_lost_words_is_told_apart() -> None:
    assert loss_check.differs(1000, 900) and loss_check.differs(100, 140)
    assert not loss_check.differs(1000, 960) and not loss_check.differs(10, 25)


@pytest.mark.parametrize(
    ("body", "lost"),
    [
        ("<style>a {}</style>\n\n<video src='x'></video>\n\ntext", ["<style>", "<video>"]),
        ("<p style='color: red'>x</p>", ["style="]),
        ("<div><b>kept</b></div>\n\n# <i>kept</i>", []),
        ("`<script>` in code\n\n    <video>", []),
        ("<h1>Moved down</h1>", []),
    ],
)
def test_html_that_does_not_come_through_is_named(body: str, lost: list[str]) -> None:
    assert loss_check.lost_markup(body, loss_check.page(render(body).html)) == lost


def test_tags_of_the_old_maker_are_named_unless_they_are_code() -> None:
    body = "{% include a.html %} and {{ b }} but `{{ c }}`\n\n```\n{% d %}\n```\n"
    assert loss_check.templates(loss_check.page(render(body).html)) == [
        "{% include a.html %}",
        "{{ b }}",
    ]
