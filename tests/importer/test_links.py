"""Tests of resolving links and pictures of old posts, and of finding lost text and HTML."""

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


def resolver_for(name: str, old_url: str = "", pattern: str = "") -> LinkResolver:
    old_blog = collection.read(SAMPLES / name, zone=ZoneInfo("UTC"), pattern=pattern, now=now())
    allocator = PathAllocator({})
    allocator.allocate(old_blog.posts, {})
    return LinkResolver(old_blog.folder, old_blog.posts, allocator.paths, old_url)


def resolve(resolver: LinkResolver, file: str, target: str) -> str:
    """Return the address on this blog, the name of the picture, or the kind of the target."""
    resolved = resolver.resolve(resolver.files[file], target)
    return resolved.to or (resolved.file.name if resolved.file else resolved.kind)


@pytest.mark.parametrize(
    ("target", "expected"),
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
        ("/index.xml", "/rss.xml"),
        ("/feed.json", "/feed.json"),
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
def test_links_of_a_jekyll_post_are_resolved(target: str, expected: str) -> None:
    assert resolve(resolver_for("jekyll"), "_posts/2020-01-02-hello-world.md", target) == expected


@pytest.mark.parametrize(
    ("old_url", "target", "expected"),
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
def test_links_to_the_old_site_are_resolved(old_url: str, target: str, expected: str) -> None:
    resolver = resolver_for("jekyll", old_url)
    assert resolve(resolver, "_posts/2020-01-02-hello-world.md", target) == expected


@pytest.mark.parametrize(
    ("name", "file", "target", "expected"),
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
def test_links_of_each_generator_are_resolved(
    name: str, file: str, target: str, expected: str
) -> None:
    assert resolve(resolver_for(name), file, target) == expected


@given(st.text(max_size=60) | st.from_regex(r"[./@{}%#?:a-z]{1,40}", fullmatch=True))
def test_any_target_is_resolved_without_an_error(target: str) -> None:
    resolver = resolver_for("zola", "https://old.example")
    for post in resolver.files.values():
        resolved = resolver.resolve(post, target)
        assert resolved.file is None or resolved.file.resolve().is_relative_to(SAMPLES)


def test_link_targets_in_template_tags_are_found() -> None:
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
def test_words_are_counted_the_same_in_markdown_and_in_html(body: str) -> None:
    assert loss_check.words_in_source(body) == loss_check.words_shown(
        loss_check.parse(render(body).html)
    )


def post(body: str) -> SourcePost:
    old_blog = collection.read(SAMPLES / "plain", zone=ZoneInfo("UTC"), pattern="", now=now())
    old_blog.posts[0].body = body
    return old_blog.posts[0]


def test_a_large_difference_in_the_number_of_words_is_reported() -> None:
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
def test_lost_html_is_named(body: str, lost: list[str]) -> None:
    assert loss_check.lost_markup(body, loss_check.parse(render(body).html)) == lost


def test_template_tags_outside_code_are_named() -> None:
    body = "{% include a.html %} and {{ b }} but `{{ c }}`\n\n```\n{% d %}\n```\n"
    assert loss_check.template_tags(loss_check.parse(render(body).html)) == [
        "{% include a.html %}",
        "{{ b }}",
    ]
