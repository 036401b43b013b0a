"""Features that the spam filter extracts from a comment, fixed rules, and the Bayesian score.

Features are words, hosts of links, and hashes of the sender's addresses. Latin words are folded as
in search. Chinese has no spaces, so it is split into pairs of characters; characters separated to
evade filters, as in 代.开.票, are joined first.
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

MOST = 300  # features of one comment
LONGEST = 40  # characters of a feature
# Log odds of spam: of any comment, and what each link, a URL as name and a listed word add.
PRIOR, PER_LINK, LINKED_NAME, LISTED = -1.5, 0.8, 2.0, 6.0
MOST_LINKS = 8
HREF = re.compile(r' href="([^"]*)"')


@dataclass(frozen=True)
class CommentFeatures:
    """The input of the spam filter: the text as typed, the link targets and the sender's network.

    `network` is an IP address or network, or empty.
    """

    name: str
    email: str
    body: str
    links: tuple[str, ...] = ()
    network: str = ""


def features_of(comment: Comment) -> CommentFeatures:
    """Return the filter input of a stored comment, with links taken from its rendered HTML."""
    targets = (unescape(target) for target in HREF.findall(comment.body_html))
    links = tuple(target for target in targets if not target.startswith("#"))
    return CommentFeatures(comment.name, comment.email, comment.body, links, comment.ip)


def tokens(words: CommentFeatures) -> list[str]:
    """Return the distinct features, at most `MOST`.

    Links, addresses and name come first, so that a long text cannot crowd them out.
    """
    signs = [f"links:{min(len(set(words.links)), 4)}"]
    if words.network:
        signs.append(f"net:{_hashed(_network(words.network))}")
    if words.email:
        signs.append(f"mail:{_hashed(words.email)}")
        signs.append(f"at:{words.email.rpartition('@')[2].strip().casefold()[:LONGEST]}")
    signs += [f"host:{host}" for host in hosts(words.links)]
    signs += [f"name:{word}" for word in _words(words.name)]
    return list(dict.fromkeys([*signs, *_words(words.body)]))[:MOST]


def hosts(links: Iterable[str]) -> list[str]:
    """Return each host and its parent domain, because spammers vary the first label."""
    names: list[str] = []
    for link in links:
        host = _host(link)
        _, _, parent = host.partition(".")
        names += [host, parent] if "." in parent else [host]
    return [name[:LONGEST] for name in dict.fromkeys(names) if name]


def _host(link: str) -> str:
    try:
        return (urlsplit(link).hostname or "").strip(".")
    except ValueError:  # `http://[x`
        return ""


def _network(address: str) -> str:
    """Return an IPv4 address, or the /64 network of an IPv6 address, which has one owner."""
    try:
        interface = ipaddress.ip_interface(address)
    except ValueError:
        return address
    return str(interface.ip) if interface.version == 4 else interface.ip.packed[:8].hex()


def _hashed(address: str) -> str:
    """Return a hash, so that an address can be recognized but not read from the database."""
    return hashlib.blake2s(address.strip().casefold().encode(), digest_size=8).hexdigest()


def _words(text: str) -> list[str]:
    """Split a text into folded words of two characters or more, and pairs of Han characters."""
    words: list[str] = []
    for piece in _rejoined(pieces(fold(text))):
        if is_dense(piece):
            words += [piece[at : at + 2] for at in range(max(1, len(piece) - 1))]
        elif len(piece) > 1:
            words.append(piece[:LONGEST])
    return words


def _rejoined(separate: Sequence[str]) -> list[str]:
    """Join runs of single Han characters, which were separated by spaces or punctuation."""
    joined: list[str] = []
    for is_single, run in groupby(separate, lambda piece: len(piece) == 1 and is_dense(piece)):
        run_pieces = list(run)
        joined += ["".join(run_pieces)] if is_single else run_pieces
    return joined


# --- fixed rules ---


def rules(words: CommentFeatures, listed: Iterable[str]) -> float:
    """Return the log odds of spam by the number of links, the name and the owner's word list."""
    odds = PRIOR + PER_LINK * min(len(set(words.links)), MOST_LINKS)
    if "://" in words.name or "www." in words.name.casefold():
        odds += LINKED_NAME
    if has_listed(words, listed):
        odds += LISTED
    return odds


def has_listed(words: CommentFeatures, listed: Iterable[str]) -> bool:
    """Return whether the comment contains a word, phrase or host of the site owner's list.

    Entries with Han characters match regardless of spacing; others match whole words.
    """
    text = pieces(fold(" ".join([words.name, words.email, words.body, *words.links])))
    spaced, dense = f" {' '.join(text)} ", "".join(text)
    for line in listed:
        wanted = pieces(fold(line))
        if any(map(is_dense, wanted)):
            if "".join(wanted) in dense:
                return True
        elif wanted and f" {' '.join(wanted)} " in spaced:
            return True
    return False


# --- score of the learned features ---


def weigh(counted: Iterable[tuple[int, int]], approved: int, spam: int) -> float:
    """Return the log odds of spam by learned features.

    `counted` has, for each known feature, in how many approved and spam comments it occurred;
    `approved` and `spam` are the totals. Uses Robinson's method: the probability of each feature,
    pulled towards 0.5 while it is rare, combined with Fisher's method. A text without significant
    features gets log odds near 0.
    """
    all_features = [_probability(a, s, approved, spam) for a, s in counted]
    significant = (p for p in all_features if abs(p - 0.5) > 0.1)
    strongest = sorted(significant, key=lambda p: -abs(p - 0.5))[:150]
    if not strongest or not (approved or spam):
        return 0.0
    spam_chance = chance(-2 * sum(math.log(1 - p) for p in strongest), len(strongest))
    ham_chance = chance(-2 * sum(math.log(p) for p in strongest), len(strongest))
    score = min(0.995, max(0.005, (1 + ham_chance - spam_chance) / 2))
    return math.log(score / (1 - score)) * trust(approved, spam)


def trust(approved: int, spam: int) -> float:
    """Return the weight of the learned score, 0 to 1: low until both kinds have been learned."""
    rarer = min(approved, spam)
    return rarer / (rarer + 4)


def _probability(in_approved: int, in_spam: int, approved: int, spam: int) -> float:
    """Return the probability of spam given one feature, 0.5 if it was never seen."""
    ham_rate, spam_rate = in_approved / max(approved, 1), in_spam / max(spam, 1)
    if not (ham_rate or spam_rate):
        return 0.5
    count = in_approved + in_spam
    return (0.5 + count * spam_rate / (spam_rate + ham_rate)) / (1 + count)


def chance(x: float, pairs: int) -> float:
    """Return the probability that a chi-square with `2 * pairs` degrees of freedom is >= `x`.

    Adds logarithms, because the terms of a long text underflow.
    """
    half = x / 2
    if half <= 0:
        return 1.0
    terms = [k * math.log(half) - half - math.lgamma(k + 1) for k in range(pairs)]
    largest = max(terms)
    return min(1.0, math.exp(largest) * sum(math.exp(term - largest) for term in terms))


def squash(odds: float) -> float:
    """Convert log odds to a probability between 0 and 1."""
    return 1 / (1 + math.exp(-max(-40.0, min(40.0, odds))))
