"""Secret keys are removed from the logs of the blog and of nginx."""

import re

import pytest

from blog.server.log import without_keys
from tests.support.live_server import Site, environment, wait_for
from tests.support.nginx_server import Nginx

KEY = "Q6Ulkxw6xe5CymmI6fOaKC6TF8qWm8xlXvROGl9NOso"
KEYED = [
    *(f"/{page}/{KEY}" for page in ("reset", "invitation", "preview", "unsubscribe")),
    f"/set-up?key={KEY}",
    f"/set-up?a=b&key={KEY}",
]
LAST = "/last-request"


@pytest.mark.parametrize("path", KEYED)
def test_a_key_is_removed_and_the_rest_of_the_line_stays(path):
    line = f"GET http://ink.example{path} 200"
    assert without_keys(line) == line.replace(KEY, "…")


@pytest.mark.parametrize("path", ["/reset", "/posts/reset/a", "/search?q=key", "/posts/set-up"])
def test_a_line_without_a_key_is_not_changed(path):
    line = f"GET http://ink.example{path} 200"
    assert without_keys(line).startswith(f"GET http://ink.example{path.rpartition('/')[0]}")


@pytest.mark.server
def test_the_access_log_contains_no_key(config):
    with Site(config, env=environment(config, BLOG_ACCESS_LOG="on")) as site:
        for path in (*KEYED, LAST):
            site.get(path)
        wait_for(lambda: LAST in site.said)
        assert site.said.count("/reset/…") == 1 and site.said.count("key=…") == 2
        assert KEY not in site.said


@pytest.mark.server
@pytest.mark.nginx
def test_the_log_of_nginx_contains_no_key(config):
    with Site(config) as site, Nginx(site) as front:
        for path in KEYED:
            front.get(path, Referer=f"http://ink.example{path}")
        front.get(f"{LAST}?a=b", Referer="http://ink.example/archive")
        wait_for(lambda: LAST in front.lines)
        masked = r'"GET /[a-z]+/\.\.\. HTTP/1.1" \d+ \d+ "http://ink.example/[a-z]+/\.\.\."'
        assert len(re.findall(masked, front.lines)) == 4
        assert front.lines.count("key=...") == 4  # in the URL and in the Referer
        assert f'"GET {LAST}?a=b HTTP/1.1" 404' in front.lines
        assert '"http://ink.example/archive"' in front.lines
        assert KEY not in front.lines
