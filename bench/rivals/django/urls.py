"""The one page, by the ORM and Django's own templates."""

from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import re_path
from django.utils.timezone import now

from bench.rivals.django.models import Comment, Post, RevisionTag, Tag, User
from bench.rivals.post import SITE

WHOLE = ("live_revision__excerpt", "live_revision__minutes", "live_revision__body_html")
CARD = ("kind", "publish_at", "address__path", "live_revision__title", "live_revision__language")


def post(request: HttpRequest, path: str) -> HttpResponse:
    shown = live().only(*CARD, *WHOLE).filter(address__key=request.path.casefold().rstrip("/"))
    if (found := shown.first()) is None:
        raise Http404
    others = live().only(*CARD).filter(live_revision__is_listed=True, kind="post")
    at, revision = found.publish_at, found.live_revision_id
    about = {
        "site": SITE,
        "post": found,
        "tags": Tag.objects.filter(revisiontag__revision=revision).order_by(
            "revisiontag__position"
        ),
        "authors": User.objects.filter(revisionauthor__revision=revision),
        "older": others.filter(publish_at__lt=at).order_by("-publish_at").first(),
        "newer": others.filter(publish_at__gt=at).order_by("publish_at").first(),
        "related": related(found, others),
        "comments": approved(found),
    }
    return render(request, "post.html", about)


def live() -> QuerySet[Post]:
    moment = now()
    withdrawn = Q(withdraw_at=None) | Q(withdraw_at__gt=moment)
    shown = Post.objects.select_related("live_revision", "address")
    return shown.filter(withdrawn, trashed_at=None, publish_at__lte=moment)


def related(found: Post, others: QuerySet[Post]) -> QuerySet[Post]:
    """Those that share most tags, of these the newest; asked in two steps, which is faster."""
    mine = RevisionTag.objects.filter(revision=found.live_revision_id).values("tag")
    alike = RevisionTag.objects.filter(tag__in=mine).values_list("revision")
    best = alike.annotate(shared=Count("tag")).order_by("-shared", "-revision")[:4]
    same = Q(live_revision__in=[revision for revision, _ in best])
    same &= Q(live_revision__language=found.language)
    return others.filter(same).exclude(pk=found.pk).order_by("-publish_at")[:3]


def approved(found: Post) -> list[Comment]:
    """Chosen here: asked for both, SQLite walks through all approved comments of the blog."""
    return [said for said in Comment.objects.filter(post=found) if said.state == "approved"]


urlpatterns = [re_path(r"^(?P<path>.+)$", post)]
