"""Makes each heading of a rendered text a link to itself, whose address readers can copy.

This is done when a page is rendered and not when the text is, so that feeds, excerpts and the
search index get plain headings.
"""

import re
from html import escape

# As the sanitiser writes them: attribute values are always in double quotes.
HEADING = re.compile(r'<h([1-6])((?: [a-z-]+="[^"]*")*)>(.*?)</h\1>', re.DOTALL)
ID = re.compile(r' id="([^"]+)"')
LINK = re.compile(r"<a[ >]")  # and not `<abbr>`


def link_headings(html: str, label: str) -> str:
    """Return sanitised HTML in which each heading with an id links to itself.

    The link contains the text of the heading, so that a screen reader announces the text once. In
    a heading that has a link already it is empty and stands at the end, because links cannot be
    nested; then it is announced as `label`.
    """
    escaped_label = escape(label)
    return HEADING.sub(lambda match: _linked(match, escaped_label), html)


def _linked(match: re.Match[str], label: str) -> str:
    level, attributes, content = match.groups()
    id = ID.search(attributes)
    if not id or not content.strip():
        return match[0]
    link = f'<a class="heading-link" href="#{id[1]}"'
    if LINK.search(content):
        content = f'{content}{link} aria-label="{label}"></a>'
    else:
        content = f"{link}>{content}</a>"
    return f"<h{level}{attributes}>{content}</h{level}>"
