"""What the filter sees of a comment: its words, its links' hosts, and the signs beside them.

Latin words are folded as search folds them. Chinese has no spaces, so it is seen two characters at
a time; characters that stand alone, as in 代.开.票, are put together first.
"""

import hashlib
import ipaddress
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import unescape
from itertools import groupby
from urllib.parse import urlsplit

from blog.models.comments.comment import Comment
from blog.models.search.tokenizer import fold, is_dense, pieces

MOST = 300  # of one comment
LONGEST = 40
# Log odds of being spam that a comment starts from, and what each sign adds.
START, A_LINK, LINKED_NAME, LISTED = -1.5, 0.8, 2.0, 6.0
MOST_LINKS = 8
HREF = re.compile(r' href="([^"]*)"')


@dataclass(frozen=True)
class CommentFeatures:
    """A comment as the filter reads it: its text as typed, and where its links lead."""

    name: str
    email: str
    body: str
    links: tuple[str, ...] = ()
    network: str = ""


def words_of(comment: Comment) -> CommentFeatures:
    """A comment that is kept already. Its links are read off what was rendered."""
    found = (unescape(target) for target in HREF.findall(comment.body_html))
    links = tuple(target for target in found if not target.startswith("#"))
    return CommentFeatures(comment.name, comment.email, comment.body, links, comment.ip)


def tokens(words: CommentFeatures) -> list[str]:
    """Each sign once, the strongest kinds first, so that a long text cannot crowd them out."""
    signs = [f"links:{min(len(set(words.links)), 4)}"]
    if words.network:
        signs.append(f"net:{_hidden(_network(words.network))}")
    if words.email:
        signs.append(f"mail:{_hidden(words.email)}")
        signs.append(f"at:{words.email.rpartition('@')[2].strip().casefold()[:LONGEST]}")
    signs += [f"host:{host}" for host in hosts(words.links)]
    signs += [f"name:{piece}" for piece in _seen(words.name)]
    return list(dict.fromkeys([*signs, *_seen(words.body)]))[:MOST]


def hosts(links: Iterable[str]) -> list[str]:
    """Each host, and the domain above it: spammers change what stands before the first dot."""
    found: list[str] = []
    for link in links:
        host = _host(link)
        _, _, above = host.partition(".")
        found += [host, above] if "." in above else [host]
    return [host[:LONGEST] for host in dict.fromkeys(found) if host]


def _host(link: str) -> str:
    try:
        return (urlsplit(link).hostname or "").strip(".")
    except ValueError:  # `http://[x`
        return ""


def _network(address: str) -> str:
    """An IPv4 address, or the /64 of an IPv6 one: who has one of those has all of it."""
    try:
        found = ipaddress.ip_interface(address)
    except ValueError:
        return address
    return str(found.ip) if found.version == 4 else found.ip.packed[:8].hex()


def _hidden(address: str) -> str:
    """Recognised when it is met again, and read by nobody."""
    return hashlib.blake2s(address.strip().casefold().encode(), digest_size=8).hexdigest()


def _seen(text: str) -> list[str]:
    found: list[str] = []
    for piece in _rejoined(pieces(fold(text))):
        if is_dense(piece):
            found += [piece[at : at + 2] for at in range(max(1, len(piece) - 1))]
        elif len(piece) > 1:
            found.append(piece[:LONGEST])
    return found


def _rejoined(found: Sequence[str]) -> list[str]:
    together: list[str] = []
    for alone, run in groupby(found, lambda piece: len(piece) == 1 and is_dense(piece)):
        several = list(run)
        together += ["".join(several)] if alone else several
    return together


# --- rules that need no learning ---


def rules(words: CommentFeatures, listed: Iterable[str]) -> float:
    """The log odds of being spam by what can be said of any comment on any blog."""
    odds = START + A_LINK * min(len(set(words.links)), MOST_LINKS)
    if "://" in words.name or "www." in words.name.casefold():
        odds += LINKED_NAME
    if has_listed(words, listed):
        odds += LISTED
    return odds


def has_listed(words: CommentFeatures, listed: Iterable[str]) -> bool:
    """Whether a word, phrase or host of the keeper's list stands in the comment."""
    found = pieces(fold(" ".join([words.name, words.email, words.body, *words.links])))
    spaced, dense = f" {' '.join(found)} ", "".join(found)
    for line in listed:
        wanted = pieces(fold(line))
        if any(map(is_dense, wanted)):
            if "".join(wanted) in dense:
                return True
        elif wanted and f" {' '.join(wanted)} " in spaced:
            return True
    return False


# --- what was learned, put together ---


def weigh(counted: Iterable[tuple[int, int]], approved: int, spam: int) -> float:
    """Log odds of being spam by signs seen (`approved`, `spam`) times among so many comments.

    Robinson's way: each sign's probability, drawn to the middle while it is rare, and the telling
    ones combined with Fisher's, so that a text without telling signs stays in the middle.
    """
    each = [_probability(a, s, approved, spam) for a, s in counted]
    telling = sorted((p for p in each if abs(p - 0.5) > 0.1), key=lambda p: -abs(p - 0.5))[:150]
    if not telling or not (approved or spam):
        return 0.0
    for_spam = chance(-2 * sum(math.log(1 - p) for p in telling), len(telling))
    for_honest = chance(-2 * sum(math.log(p) for p in telling), len(telling))
    score = min(0.995, max(0.005, (1 + for_honest - for_spam) / 2))
    return math.log(score / (1 - score)) * trust(approved, spam)


def trust(approved: int, spam: int) -> float:
    """How much the filter's word counts: little until both kinds have been seen a few times."""
    rarer = min(approved, spam)
    return rarer / (rarer + 4)


def _probability(a: int, s: int, approved: int, spam: int) -> float:
    honest, bad = a / max(approved, 1), s / max(spam, 1)
    if not (honest or bad):
        return 0.5
    seen = a + s
    return (0.5 + seen * bad / (bad + honest)) / (1 + seen)


def chance(x: float, pairs: int) -> float:
    """How likely a chi-square of `2 * pairs` degrees is at least `x`; as logs, for long texts."""
    half = x / 2
    if half <= 0:
        return 1.0
    terms = [k * math.log(half) - half - math.lgamma(k + 1) for k in range(pairs)]
    most = max(terms)
    return min(1.0, math.exp(most) * sum(math.exp(term - most) for term in terms))


def squash(odds: float) -> float:
    """Log odds as a number between 0 and 1."""
    return 1 / (1 + math.exp(-max(-40.0, min(40.0, odds))))
