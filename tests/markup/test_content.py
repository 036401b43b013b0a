"""Renders the posts of real blogs, from the folder in BLOG_TEST_CONTENT."""

import os
import re
from pathlib import Path

import pytest

from blog.markup import render

CONTENT = os.environ.get("BLOG_TEST_CONTENT", "")
HAN = re.compile(r"[\u4e00-\u9fff]")
CODE = re.compile(r"<pre.*?</pre>|<code.*?</code>", re.S)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CONTENT, reason="BLOG_TEST_CONTENT names no folder of old blogs"),
]


@pytest.fixture(scope="module")
def posts():
    files = [file for end in ("md", "markdown") for file in Path(CONTENT).rglob(f"*.{end}")]
    return {file: render(file.read_text(errors="replace")) for file in files}


def test_every_post_is_rendered(posts):
    assert len(posts) > 100
    assert all(post.minutes >= 1 and "data-made" not in post.html for post in posts.values())


def test_a_chinese_post_has_no_unrendered_stars(posts):
    chinese = {file: post for file, post in posts.items() if len(HAN.findall(post.text)) > 100}
    assert len(chinese) > 10
    assert not [file for file, post in chinese.items() if "**" in CODE.sub("", post.html)]


def test_no_bare_url_continues_into_chinese_text(posts):
    """A bare URL is a link whose text equals its target."""
    for file, post in posts.items():
        for shown in re.findall(r'<a href="https?://[^"]*">(https?://[^<]*)</a>', post.html):
            assert not re.search(r"[，。）、；：！？」』】》]", shown), file
