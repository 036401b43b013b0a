"""A letter as it goes over the wire: in the person's language, as plain text and as HTML."""

import functools
import hashlib
import hmac
import html
import logging
import re
from collections.abc import Mapping
from datetime import datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Any
from urllib.parse import quote, urlsplit

from jinja2 import Environment

from blog.config import LANGUAGES, Config, local_address
from blog.jobs.scheduler import JobContext
from blog.loopback import is_local_name
from blog.mail.settings import is_mail_address
from blog.mail.smtp_client import OutgoingMessage, Undelivered
from blog.models.base import now
from blog.models.comments import unsubscribe
from blog.models.jobs.outbox import STOPPABLE, PendingDelivery
from blog.models.settings.site import SiteFacts
from blog.web.templating import environment

log = logging.getLogger("blog")
FORMS = ("txt", "html")
LONGEST_QUOTE = 2000


class EncodedMessage(policy.EmailPolicy):
    """How headers go over the wire. Python would break a long link up into encoded words."""

    def fold_binary(self, name: str, value: str) -> bytes:
        if name in UNBROKEN:
            return f"{name}: {value}\r\n".encode("ascii")
        return bytes(super().fold_binary(name, value))


WIRE = EncodedMessage(linesep="\r\n", cte_type="7bit")
UNBROKEN = {"Message-ID", "List-Unsubscribe"}


def write(house: JobContext, about: SiteFacts, owed: PendingDelivery) -> OutgoingMessage:
    """The letter for the wire. Raises `Undelivered` for one that cannot be written."""
    try:
        message, to = _message(house, about, owed)
        sender = _ascii_domain(parseaddr(house.config.mail_from)[1])
        return OutgoingMessage(sender, to, message.as_bytes())
    except Exception as fault:  # whatever an owner's template may do; it can be mended
        log.exception("Email %s (%s) could not be rendered.", owed.id, owed.kind)
        is_final = isinstance(fault, ValueError)  # what is written to, or about, is no good
        raise Undelivered("letter", f"could not be rendered: {fault}", is_final=is_final) from fault


def _message(
    house: JobContext, about: SiteFacts, owed: PendingDelivery
) -> tuple[EmailMessage, str]:
    to = _ascii_domain(owed.to)
    message = EmailMessage(WIRE.clone(utf8=not to.isascii()))
    context = _context(house, about, owed)
    parts = {form: _part(house.config, owed.kind, form, context) for form in FORMS}
    name, sender = parseaddr(house.config.mail_from)
    message["From"] = _address(_ascii_domain(sender), name or about.title)
    message["To"] = _address(to)
    message["Subject"] = parts["txt"][0]
    message["Date"] = format_datetime(now())
    message["Message-ID"] = _message_id(house, about, owed)
    message["Auto-Submitted"] = "auto-generated"
    if link := context["unsubscribe"]:
        message["List-Unsubscribe"] = f"<{link}>"
        if link.startswith("https://"):  # RFC 8058 knows no other
            message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(parts["txt"][1])
    message.add_alternative(parts["html"][1], subtype="html")
    return message, to


def _context(house: JobContext, about: SiteFacts, owed: PendingDelivery) -> dict[str, Any]:
    address = _ascii_host(address_of(house.config, about))
    stop = f"{address}/unsubscribe/{unsubscribe.key(house.secret, owed.to)}"
    facts = _read(owed.facts)
    return {
        **facts,
        "site": about,
        "address": address,
        "language": owed.language if owed.language in LANGUAGES else about.language,
        "link": address + _path(facts.get("path", "/")),
        "unsubscribe": stop if owed.kind in STOPPABLE else "",
    }


def _read(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts as templates want them; they were kept as JSON."""
    read = dict(facts)
    if "at" in read:
        read["at"] = datetime.fromisoformat(read["at"])
    if len(read.get("text", "")) > LONGEST_QUOTE:
        read["text"] = read["text"][:LONGEST_QUOTE] + "…"
    return read


def _path(path: str) -> str:
    """As ASCII: mail programs end a link at the first letter of another alphabet."""
    if not path.startswith("/") or path.startswith("//"):
        raise ValueError(f"{path} is not a path of this site")
    return quote(path, safe="/#?&=%:@!$'()*+,;~")


def _part(config: Config, kind: str, form: str, context: Mapping[str, Any]) -> tuple[str, str]:
    """Subject and text, both in one form. The plain one is escaped like all, and turned back."""
    templates = _templates(config)
    parts = templates.get_template(f"mail/_parts.{form}").module
    macros = {name: getattr(parts, name) for name in ("say", "quote", "press")}
    template = templates.get_template(f"mail/{kind}.html")
    made = template.make_module({**context, **macros, "layout": f"mail/_letter.{form}"})
    subject = " ".join(html.unescape(str(made.subject)).split())  # type: ignore[attr-defined]  # each template sets it
    text = html.unescape(str(made)) if form == "txt" else str(made)
    return subject, re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


@functools.lru_cache(maxsize=4)
def _templates(config: Config) -> Environment:
    return environment(config)


# --- addresses ---


def address_of(config: Config, about: SiteFacts) -> str:
    """Where links lead: as configured, never as some request said."""
    chosen = config.site_url or about.address or local_address(config.host, config.port)
    return chosen.rstrip("/")


def host_of(config: Config, about: SiteFacts) -> str:
    """The name that we go by: the site's, or that of the sender's address if it has only a number.

    The mail server is greeted with it, and message ids end in it.
    """
    host = urlsplit(address_of(config, about)).hostname or ""
    if is_local_name(host) or re.fullmatch(r"[\d.]+|.*:.*", host):
        host = parseaddr(config.mail_from)[1].rpartition("@")[2]
    return host.encode("idna").decode()


def _ascii_host(address: str) -> str:
    """The same origin, its host as DNS knows it."""
    host = urlsplit(address).hostname or ""
    return address if address.isascii() else address.replace(host, host.encode("idna").decode())


def _ascii_domain(address: str) -> str:
    """The domain as DNS knows it. Raises `ValueError` for what is no address."""
    if not is_mail_address(address):
        raise ValueError(f"{address!r} is not an email address")
    name, _, domain = address.rpartition("@")
    return f"{name}@{domain.encode('idna').decode()}"


def _address(address: str, name: str = "") -> Address:
    local, _, domain = address.rpartition("@")
    return Address(" ".join(name.split()), local, domain)


def _message_id(house: JobContext, about: SiteFacts, owed: PendingDelivery) -> str:
    """The same at each try, so that a server that is sent a letter twice can tell."""
    text = f"message:{owed.id}:{owed.created_at.isoformat()}".encode()
    mac = hmac.new(house.secret, text, hashlib.sha256).hexdigest()[:32]
    return f"<{mac}@{host_of(house.config, about)}>"
