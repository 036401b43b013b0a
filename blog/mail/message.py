"""Renders a queued email from its templates, as plain text and as HTML."""

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
from urllib.parse import quote, urlsplit

from jinja2 import Environment

from blog.config import LANGUAGES, Config, local_address
from blog.jobs.scheduler import JobContext
from blog.loopback import is_local_name
from blog.mail.settings import is_mail_address
from blog.mail.smtp_client import OutgoingMessage, Undelivered
from blog.models.base import now
from blog.models.comments import unsubscribe
from blog.models.jobs.email_kinds import UNSUBSCRIBABLE
from blog.models.jobs.outbox import PendingDelivery
from blog.models.settings.site import SiteFacts
from blog.web.templating import environment

log = logging.getLogger("blog")
FORMATS = ("txt", "html")
LONGEST_QUOTE = 2000  # characters of a comment


class EncodedMessage(policy.EmailPolicy):
    """An email policy that keeps long links in headers whole.

    Python would split them into encoded words, which mail programs do not join.
    """

    def fold_binary(self, name: str, value: str) -> bytes:
        """Encode a header; those in `UNBROKEN` are not folded."""
        if name in UNBROKEN:
            return f"{name}: {value}\r\n".encode("ascii")
        return bytes(super().fold_binary(name, value))


POLICY = EncodedMessage(linesep="\r\n", cte_type="7bit")
UNBROKEN = {"Message-ID", "List-Unsubscribe"}


def write(context: JobContext, facts: SiteFacts, delivery: PendingDelivery) -> OutgoingMessage:
    """Render and encode a message. Raises `Undelivered` if that fails.

    The failure is final for invalid data only. Anything else, such as an error in a template of the
    site owner, can be corrected before a retry.
    """
    try:
        message, to = _message(context, facts, delivery)
        sender = _ascii_domain(parseaddr(context.config.mail_from)[1])
        return OutgoingMessage(sender, to, message.as_bytes())
    except Exception as error:  # a template of the site owner can raise anything
        log.exception("Email %s (%s) could not be rendered.", delivery.id, delivery.kind)
        reason, is_final = f"could not be rendered: {error}", isinstance(error, ValueError)
        raise Undelivered("message", reason, is_final=is_final) from error


def _message(
    context: JobContext, facts: SiteFacts, delivery: PendingDelivery
) -> tuple[EmailMessage, str]:
    """Return the message and the recipient's address."""
    to = _ascii_domain(delivery.to)
    message = EmailMessage(POLICY.clone(utf8=not to.isascii()))
    stop_link = _stop_link(context, facts, delivery)
    variables = _variables(context.config, facts, delivery, stop_link)
    text_subject, text = _render(context.config, delivery.kind, "txt", variables)
    _, html_text = _render(context.config, delivery.kind, "html", variables)
    name, sender = parseaddr(context.config.mail_from)
    message["From"] = _address(_ascii_domain(sender), name or facts.title)
    message["To"] = _address(to)
    message["Subject"] = text_subject
    message["Date"] = format_datetime(now())
    message["Message-ID"] = _message_id(context, facts, delivery)
    message["Auto-Submitted"] = "auto-generated"
    if stop_link:
        message["List-Unsubscribe"] = f"<{stop_link}>"
        if stop_link.startswith("https://"):  # required by RFC 8058
            message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(text)
    message.add_alternative(html_text, subtype="html")
    return message, to


def _stop_link(context: JobContext, facts: SiteFacts, delivery: PendingDelivery) -> str:
    """Return the link that unsubscribes the recipient; "" if this kind of email has none."""
    if delivery.kind not in UNSUBSCRIBABLE:
        return ""
    key = unsubscribe.link_key(context.secret, delivery.to)
    return f"{_ascii_host(address_of(context.config, facts))}/unsubscribe/{key}"


def _variables(
    config: Config, facts: SiteFacts, delivery: PendingDelivery, stop_link: str
) -> dict[str, object]:
    """Return the variables of the templates in templates/mail/."""
    address = _ascii_host(address_of(config, facts))
    known_language = delivery.language in LANGUAGES
    return {
        **_read_facts(delivery.facts),
        "site": facts,
        "address": address,
        "language": delivery.language if known_language else facts.language,
        "link": address + _ascii_path(delivery.facts.get("path", "/")),
        "unsubscribe": stop_link,
    }


def _read_facts(facts: Mapping[str, str]) -> dict[str, object]:
    """Prepare the stored facts of an email, which are JSON, for its template."""
    read: dict[str, object] = {**facts}
    if "at" in facts:
        read["at"] = datetime.fromisoformat(facts["at"])
    if len(facts.get("text", "")) > LONGEST_QUOTE:
        read["text"] = facts["text"][:LONGEST_QUOTE] + "…"
    return read


def _ascii_path(path: str) -> str:
    """Percent-encode a path: mail programs end a link at the first non-ASCII character.

    Raises `ValueError` for a path that leads to another site.
    """
    if not path.startswith("/") or path.startswith("//"):
        raise ValueError(f"{path} is not a path of this site")
    return quote(path, safe="/#?&=%:@!$'()*+,;~")


def _render(
    config: Config, kind: str, format: str, variables: Mapping[str, object]
) -> tuple[str, str]:
    """Return the subject and the body in one format, "txt" or "html".

    The same template renders both formats, with different macros. Its output is always escaped, and
    unescaped again for plain text.
    """
    templates = _templates(config)
    parts = templates.get_template(f"mail/_parts.{format}").module
    macros = {name: getattr(parts, name) for name in ("say", "quote", "press")}
    template = templates.get_template(f"mail/{kind}.html")
    module = template.make_module({**variables, **macros, "layout": f"mail/_letter.{format}"})
    subject = " ".join(html.unescape(str(module.subject)).split())  # type: ignore[attr-defined]  # each template sets it
    text = html.unescape(str(module)) if format == "txt" else str(module)
    return subject, re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


@functools.lru_cache(maxsize=4)
def _templates(config: Config) -> Environment:
    return environment(config)


# --- addresses ---


def address_of(config: Config, facts: SiteFacts) -> str:
    """Return the public address for links: always the configured one, never a request's host."""
    address = config.site_url or facts.address or local_address(config.host, config.port)
    return address.rstrip("/")


def host_of(config: Config, facts: SiteFacts) -> str:
    """Return the host name for EHLO and for message IDs.

    It is the site's host, or the sender's domain if the site has only an IP address or local name.
    """
    host = urlsplit(address_of(config, facts)).hostname or ""
    if is_local_name(host) or re.fullmatch(r"[\d.]+|.*:.*", host):
        host = parseaddr(config.mail_from)[1].rpartition("@")[2]
    return host.encode("idna").decode()


def _ascii_host(address: str) -> str:
    """Encode the host of an address with IDNA."""
    host = urlsplit(address).hostname or ""
    return address if address.isascii() else address.replace(host, host.encode("idna").decode())


def _ascii_domain(address: str) -> str:
    """Encode the domain of an email address with IDNA. Raises `ValueError` if it is invalid."""
    if not is_mail_address(address):
        raise ValueError(f"{address!r} is not an email address")
    name, _, domain = address.rpartition("@")
    return f"{name}@{domain.encode('idna').decode()}"


def _address(address: str, name: str = "") -> Address:
    local, _, domain = address.rpartition("@")
    return Address(" ".join(name.split()), local, domain)


def _message_id(context: JobContext, facts: SiteFacts, delivery: PendingDelivery) -> str:
    """Return the Message-ID. It is the same for each try, so that a server can find duplicates."""
    text = f"message:{delivery.id}:{delivery.created_at.isoformat()}".encode()
    mac = hmac.new(context.secret, text, hashlib.sha256).hexdigest()[:32]
    return f"<{mac}@{host_of(context.config, facts)}>"
