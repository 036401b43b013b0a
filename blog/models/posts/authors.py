"""Who writes a post, and under whose name and about what its revisions stand."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from blog.config import N_
from blog.models.base import Refusal
from blog.models.posts.post import Post, PostAuthor
from blog.models.posts.revision import Revision, RevisionAuthor, RevisionTag
from blog.models.tags.tag import named
from blog.models.users.user import EDITOR, User


def set_authors(session: Session, post: Post, ids: list[int] | None, by: User) -> bool:
    """Replace who writes it; True if that changed something.

    Authors cannot shut themselves out, and nobody can leave a post without one.
    """
    current = [link.user_id for link in post.author_links]
    wanted = current if ids is None else list(dict.fromkeys(ids))
    if not by.has_role(EDITOR) and by.id not in wanted:
        wanted.insert(0, by.id)
    if wanted == current:
        return False
    if not wanted:
        raise Refusal(N_("A post needs at least one author."), "authors")
    known = set(session.scalars(select(User.id).where(User.id.in_(wanted))))
    if missing := [id for id in wanted if id not in known]:
        raise Refusal(N_("There is no such user: %(id)s."), "authors", id=missing[0])
    for link in post.author_links:
        session.delete(link)
    session.flush()
    session.add_all(
        PostAuthor(post_id=post.id, user_id=id, position=place) for place, id in enumerate(wanted)
    )
    return True


def credit(session: Session, post: Post, revision: Revision, names: list[str]) -> None:
    """Under whose name and about what the revision stands."""
    people = select(PostAuthor.user_id).where(PostAuthor.post_id == post.id)
    for place, user_id in enumerate(session.scalars(people.order_by(PostAuthor.position))):
        session.add(RevisionAuthor(revision_id=revision.id, user_id=user_id, position=place))
    for place, tag in enumerate(named(session, names)):
        session.add(RevisionTag(revision_id=revision.id, tag_id=tag.id, position=place))
    session.flush()
