"""The subtitle of a post: on its page, on cards and in feeds, and in files that are imported."""

import re
from html import unescape
from pathlib import Path

import pytest

from blog.importer.addresses.link_map import LinkMap, fingerprint
from blog.importer.source import post_reader
from blog.importer.source.post_reader import GeneratorDefaults
from blog.importer.source.scanner import TextFile
from blog.importer.source.source_post import SourcePost

SUBTITLE = "Of paper & ink"
SHOWN = "Of paper &amp; ink"

JEKYLL = "layout: post\ntitle: Ink\nsubtitle: Of paper & ink\ntags: [ink]"
HUGO = "title: Ink\ndate: 2020-01-02\nparams:\n  subtitle: Of paper & ink"
HALO = "title: Ink\nauther: ann\nexcerpt: In short\npermalink: /ink\nsubtitle: Of paper & ink"
# The fingerprints that 0.4.0 gave to these files, when `subtitle` was a key of the summary.
FINGERPRINTS = {
    "subtitle: Of paper": "28724595aed838974f972fb600aeecd3e1182d7f1f207bebd78170c567dd61c6",
    "sub-title: Of paper": "1d2c61bba3ace0bf1b3fa9e6c94c7cb9aacfeef3bae7ff00707bb2852434d3fc",
    'excerpt: " "\nsubtitle: Of paper': (
        "1d2c61bba3ace0bf1b3fa9e6c94c7cb9aacfeef3bae7ff00707bb2852434d3fc"
    ),
    "summary: In short\nsubtitle: Of paper": (
        "596dfa6fa475f2fa2d537502d8b68963310ce4a5cfd475ccf4383da0c0ec44cc"
    ),
}


def test_a_subtitle_is_below_the_title_of_the_post_and_of_its_cards(ann) -> None:
    post = ann.client.cast.ann_live
    assert 'class="subtitle"' not in ann.client.get(post.path).text
    ann.press("publish", post.id, subtitle=SUBTITLE)
    assert has_below(ann.client.get(post.path).text, "h1")
    for path in ("/", "/tags/python", "/authors/ann"):
        assert has_below(ann.client.get(path).text, "h2")


def has_below(page: str, heading: str) -> bool:
    """Return whether the first element after a heading is the subtitle."""
    return re.search(rf'</{heading}>\s*<p class="subtitle">{SHOWN}</p>', page) is not None


def test_readers_see_a_subtitle_only_once_it_is_published(ann) -> None:
    post = ann.client.cast.ann_live
    ann.press("save", post.id, subtitle=SUBTITLE)
    assert SHOWN not in ann.client.get(post.path).text
    preview = ann.press("preview", post.id)
    assert SHOWN in ann.get(preview.header("location")).text


@pytest.mark.parametrize("feed", ["/feed.atom", "/rss.xml", "/feed.json"])
def test_feeds_start_the_text_of_a_post_with_its_subtitle(ann, feed) -> None:
    ann.press("publish", ann.client.cast.ann_live.id, subtitle=SUBTITLE)
    text = unescape(ann.client.get(feed).text)
    assert "<p><strong>Of paper & ink</strong></p>" in unescape(text)


def test_a_post_is_found_by_its_subtitle(ann) -> None:
    post = ann.client.cast.ann_live
    assert post.path not in ann.client.get("/search?q=palimpsest").text
    ann.press("publish", post.id, subtitle="On the palimpsest")
    assert post.path in ann.client.get("/search?q=palimpsest").text


@pytest.mark.parametrize("front_matter", [JEKYLL, HUGO, HALO], ids=["Jekyll", "Hugo", "Halo"])
def test_an_import_reads_the_subtitle(front_matter) -> None:
    post = read(front_matter)
    assert post.content["subtitle"] == SUBTITLE
    assert post.content["summary"] == ("In short" if front_matter == HALO else "")


@pytest.mark.parametrize("front_matter", FINGERPRINTS)
def test_a_post_imported_before_there_were_subtitles_does_not_look_changed(front_matter) -> None:
    post = read(f"title: Ink\ndate: 2020-01-02\n{front_matter}")
    assert fingerprint(post, LinkMap()) == FINGERPRINTS[front_matter]


def read(front_matter: str) -> SourcePost:
    text = f"---\n{front_matter}\n---\nText.\n"
    file = TextFile(Path("a.md"), "a.md")
    return post_reader.read_post(file, text, "hash of the file", GeneratorDefaults())
