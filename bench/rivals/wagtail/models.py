"""The models of Wagtail's tutorial blog, extended to show the same content as the common page."""

from typing import Any, ClassVar

from django.db import models
from django.http import HttpRequest
from modelcluster.contrib.taggit import ClusterTaggableManager
from modelcluster.fields import ParentalKey
from taggit.models import TaggedItemBase
from wagtail.fields import RichTextField
from wagtail.models import Orderable, Page
from wagtail.rich_text import expand_db_html

from bench.rivals.post import SITE, iso


class BlogIndex(Page):
    """The parent page of all posts."""


class PostTag(TaggedItemBase):
    content_object = ParentalKey("BlogPost", related_name="tagged_items")


class BlogPost(Page):
    template = "post.html"
    date = models.DateTimeField(db_index=True)
    author = models.CharField(max_length=200)
    excerpt = models.CharField(max_length=200)
    minutes = models.IntegerField()
    body = RichTextField()
    tags = ClusterTaggableManager(through=PostTag)

    def get_context(self, request: HttpRequest, *args: Any, **kwargs: Any) -> dict[str, Any]:
        posts = BlogPost.objects.live()
        own_tags = list(self.tags.all())
        related = posts.filter(tags__in=own_tags).exclude(pk=self.pk).annotate(n=models.Count("pk"))
        return super().get_context(request, *args, **kwargs) | {
            "site": SITE,
            "post": self,
            "tags": [{"name": tag.name, "href": f"/tags/{tag.slug}"} for tag in own_tags],
            "authors": [{"name": self.author, "href": f"/authors/{self.author}"}],
            "older": posts.filter(date__lt=self.date).order_by("-date").first(),
            "newer": posts.filter(date__gt=self.date).order_by("date").first(),
            "related": related.order_by("-n", "-date")[:3],
            "comments": list(self.comments.all()),
        }

    @property
    def language(self) -> str:
        return "en"

    @property
    def href(self) -> str:
        return self.get_url()

    @property
    def body_html(self) -> str:
        return expand_db_html(self.body)

    @property
    def iso(self) -> str:
        return iso(self.date)

    @property
    def day(self) -> str:
        return f"{self.date.day} {self.date:%B %Y}"


class Comment(Orderable):
    """Wagtail has no comments by readers, so they are inline children, as in its documentation."""

    page = ParentalKey(BlogPost, related_name="comments", on_delete=models.CASCADE)
    uid = models.CharField(max_length=64)
    name = models.CharField(max_length=200)
    body_html = models.TextField()
    created_at = models.DateTimeField()
    language: ClassVar = "en"

    @property
    def iso(self) -> str:
        return iso(self.created_at)

    @property
    def time(self) -> str:
        return f"{self.created_at.day} {self.created_at:%b %Y, %H:%M}"
