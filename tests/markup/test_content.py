"""Old blogs, rendered: the folder that BLOG_TEST_CONTENT names."""

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


def test_no_stars_are_left_in_a_chinese_post(posts):
    chinese = {file: post for file, post in posts.items() if len(HAN.findall(post.text)) > 100}
    assert len(chinese) > 10
    assert not [file for file, post in chinese.items() if "**" in CODE.sub("", post.html)]


def test_no_address_runs_on_into_chinese(posts):
    """An address that was typed bare: what is shown of it is what it leads to."""
    for file, post in posts.items():
        for shown in re.findall(r'<a href="https?://[^"]*">(https?://[^<]*)</a>', post.html):
            assert not re.search(r"[，。）、；：！？」』】》]", shown), file
