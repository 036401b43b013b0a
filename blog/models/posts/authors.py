"""Setting the authors of a post, and storing the authors and tags of a revision."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from blog.config import N_
from blog.models.base import Refusal
from blog.models.posts.post import Post, PostAuthor
from blog.models.posts.revision import Revision, RevisionAuthor, RevisionTag
from blog.models.tags.tag import find_or_create
from blog.models.users.user import EDITOR, User


def set_authors(session: Session, post: Post, ids: list[int] | None, by: User) -> bool:
    """Replace the authors of a post; `None` keeps them. Returns whether they changed.

    A user with the role `author` always stays an author of the post. Raises `Refusal` for an
    empty list or an unknown user.
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
    missing = [id for id in wanted if id not in known]
    if missing:
        raise Refusal(N_("There is no such user: %(id)s."), "authors", id=missing[0])
    for link in post.author_links:
        session.delete(link)
    session.flush()
    session.add_all(
        PostAuthor(post_id=post.id, user_id=id, position=position)
        for position, id in enumerate(wanted)
    )
    return True


def add_authors_and_tags(
    session: Session, post: Post, revision: Revision, tag_names: list[str]
) -> None:
    """Store the current authors of the post, and these tags, with the revision."""
    authors = select(PostAuthor.user_id).where(PostAuthor.post_id == post.id)
    for position, user_id in enumerate(session.scalars(authors.order_by(PostAuthor.position))):
        session.add(RevisionAuthor(revision_id=revision.id, user_id=user_id, position=position))
    for position, tag in enumerate(find_or_create(session, tag_names)):
        session.add(RevisionTag(revision_id=revision.id, tag_id=tag.id, position=position))
    session.flush()
