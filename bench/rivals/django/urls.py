"""Serves the page with Django's ORM and its own templates."""

from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import re_path
from django.utils.timezone import now

from bench.rivals.django.models import Comment, Post, RevisionTag, Tag, User
from bench.rivals.post import SITE

PAGE_FIELDS = ("live_revision__excerpt", "live_revision__minutes", "live_revision__body_html")
CARD_FIELDS = (
    "kind",
    "publish_at",
    "address__path",
    "live_revision__title",
    "live_revision__language",
)


def post(request: HttpRequest, path: str) -> HttpResponse:
    shown = (
        live()
        .only(*CARD_FIELDS, *PAGE_FIELDS)
        .filter(address__key=request.path.casefold().rstrip("/"))
    )
    if (current := shown.first()) is None:
        raise Http404
    others = live().only(*CARD_FIELDS).filter(live_revision__is_listed=True, kind="post")
    at, revision = current.publish_at, current.live_revision_id
    context = {
        "site": SITE,
        "post": current,
        "tags": Tag.objects.filter(revisiontag__revision=revision).order_by(
            "revisiontag__position"
        ),
        "authors": User.objects.filter(revisionauthor__revision=revision),
        "older": others.filter(publish_at__lt=at).order_by("-publish_at").first(),
        "newer": others.filter(publish_at__gt=at).order_by("publish_at").first(),
        "related": related(current, others),
        "comments": approved(current),
    }
    return render(request, "post.html", context)


def live() -> QuerySet[Post]:
    moment = now()
    withdrawn = Q(withdraw_at=None) | Q(withdraw_at__gt=moment)
    shown = Post.objects.select_related("live_revision", "address")
    return shown.filter(withdrawn, trashed_at=None, publish_at__lte=moment)


def related(current: Post, others: QuerySet[Post]) -> QuerySet[Post]:
    """Return the newest of the posts that share most tags. Two queries are faster than one."""
    own_tags = RevisionTag.objects.filter(revision=current.live_revision_id).values("tag")
    sharing = RevisionTag.objects.filter(tag__in=own_tags).values_list("revision")
    best = sharing.annotate(shared=Count("tag")).order_by("-shared", "-revision")[:4]
    matching = Q(live_revision__in=[revision for revision, _ in best])
    matching &= Q(live_revision__language=current.language)
    return others.filter(matching).exclude(pk=current.pk).order_by("-publish_at")[:3]


def approved(current: Post) -> list[Comment]:
    """Filter by state in Python: with both conditions, SQLite scans all approved comments."""
    return [
        comment for comment in Comment.objects.filter(post=current) if comment.state == "approved"
    ]


urlpatterns = [re_path(r"^(?P<path>.+)$", post)]
