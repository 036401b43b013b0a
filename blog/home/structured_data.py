"""Descriptions of a post and of the site for search engines, in the vocabulary of schema.org.

A page contains its description as JSON-LD, which browsers do not run.
"""

from sanic import Request

from blog import web
from blog.models.public.cards import Card, PostPage
from blog.web.templating import isodate

CONTEXT = "https://schema.org"
Description = dict[str, object]


def blog_posting(request: Request, post: PostPage) -> Description | None:
    """Return the description of a post; None for a page, which has neither author nor date."""
    card = post.card
    if card.kind != "post":
        return None
    url = web.absolute_url(request, card.path)
    description: Description = {
        "@context": CONTEXT,
        "@type": "BlogPosting",
        "@id": url,
        "url": url,
        "mainEntityOfPage": url,
        "headline": card.title,
        "alternativeHeadline": card.subtitle,
        "description": card.summary,
        "inLanguage": card.language,
        "datePublished": isodate(card.published_at),
        "dateModified": isodate(card.updated_at),
        "wordCount": card.words,
        "keywords": [tag.name for tag in card.tags],
        "image": _absolute(request, card.cover),
        "author": _authors(request, card),
        "publisher": _publisher(request),
    }
    return {name: value for name, value in description.items() if value}


def web_site(request: Request) -> Description:
    """Return the description of the site, for its front page."""
    site = request.ctx.site
    url = web.absolute_url(request, "/")
    description: Description = {
        "@context": CONTEXT,
        "@type": "WebSite",
        "@id": url,
        "url": url,
        "name": site.title,
        "description": site.tagline,
        "inLanguage": site.language,
        "publisher": _publisher(request),
    }
    return {name: value for name, value in description.items() if value}


def _authors(request: Request, card: Card) -> list[Description]:
    return [
        {"@type": "Person", "name": author.name, "url": web.absolute_url(request, author.href)}
        for author in card.authors
    ]


def _publisher(request: Request) -> Description:
    """Describe the site as the organization that publishes its posts."""
    site = request.ctx.site
    logo = _absolute(request, site.settings.logo)
    publisher = {"@type": "Organization", "name": site.title, "url": web.absolute_url(request, "/")}
    return {**publisher, "logo": logo} if logo else {**publisher}


def _absolute(request: Request, address: str) -> str:
    """Return the address of a picture as a URL; "" for no picture."""
    return web.absolute_url(request, address) if address.startswith("/") else address
