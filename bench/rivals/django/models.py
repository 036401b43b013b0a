"""Unmanaged Django models of the blog's tables, with the columns that the page shows."""

from datetime import datetime
from typing import ClassVar

from django.db import models


class Unmanaged:
    managed = False
    app_label = "ink"


class User(models.Model):
    slug = models.CharField(max_length=64, db_column="name")
    name = models.CharField(max_length=200, db_column="display_name")

    class Meta(Unmanaged):
        db_table = "user"

    @property
    def href(self) -> str:
        return f"/authors/{self.slug}"


class Tag(models.Model):
    name = models.CharField(max_length=100)
    slug = models.CharField(max_length=100)

    class Meta(Unmanaged):
        db_table = "tag"

    @property
    def href(self) -> str:
        return f"/tags/{self.slug}"


class Revision(models.Model):
    title = models.CharField(max_length=300)
    language = models.CharField(max_length=10)
    excerpt = models.CharField(max_length=2000)
    minutes = models.IntegerField()
    body_html = models.TextField()
    is_listed = models.BooleanField()
    tags = models.ManyToManyField(Tag, through="RevisionTag")
    authors = models.ManyToManyField(User, through="RevisionAuthor")

    class Meta(Unmanaged):
        db_table = "revision"


class RevisionTag(models.Model):
    pk = models.CompositePrimaryKey("revision_id", "tag_id")
    revision = models.ForeignKey(Revision, models.DO_NOTHING)
    tag = models.ForeignKey(Tag, models.DO_NOTHING)
    position = models.IntegerField()

    class Meta(Unmanaged):
        db_table = "revision_tag"


class RevisionAuthor(models.Model):
    pk = models.CompositePrimaryKey("revision_id", "user_id")
    revision = models.ForeignKey(Revision, models.DO_NOTHING)
    user = models.ForeignKey(User, models.DO_NOTHING)
    position = models.IntegerField()

    class Meta(Unmanaged):
        db_table = "revision_author"


class Address(models.Model):
    path = models.CharField(max_length=500)
    key = models.CharField(max_length=1000)

    class Meta(Unmanaged):
        db_table = "address"


class Post(models.Model):
    kind = models.CharField(max_length=10)
    publish_at = models.DateTimeField()
    withdraw_at = models.DateTimeField(null=True)
    trashed_at = models.DateTimeField(null=True)
    live_revision = models.ForeignKey(Revision, models.DO_NOTHING)
    address = models.ForeignKey(Address, models.DO_NOTHING)

    class Meta(Unmanaged):
        db_table = "post"

    @property
    def title(self) -> str:
        return self.live_revision.title

    @property
    def language(self) -> str:
        return self.live_revision.language

    @property
    def excerpt(self) -> str:
        return self.live_revision.excerpt

    @property
    def minutes(self) -> int:
        return self.live_revision.minutes

    @property
    def body_html(self) -> str:
        return self.live_revision.body_html

    @property
    def href(self) -> str:
        return self.address.path

    @property
    def iso(self) -> str:
        return iso(self.publish_at)

    @property
    def day(self) -> str:
        return f"{self.publish_at.day} {self.publish_at:%B %Y}"


class Comment(models.Model):
    uid = models.CharField(max_length=64)
    post = models.ForeignKey(Post, models.DO_NOTHING, related_name="comments")
    name = models.CharField(max_length=200)
    body_html = models.TextField()
    language = models.CharField(max_length=10)
    state = models.CharField(max_length=10)
    created_at = models.DateTimeField()

    class Meta(Unmanaged):
        db_table = "comment"
        ordering: ClassVar = ["created_at", "id"]

    @property
    def iso(self) -> str:
        return iso(self.created_at)

    @property
    def time(self) -> str:
        return f"{self.created_at.day} {self.created_at:%b %Y, %H:%M}"


def iso(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
