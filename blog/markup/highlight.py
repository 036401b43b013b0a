"""Highlights code blocks with Pygments, as short CSS classes in `<pre class="highlight">`."""

from functools import cache
from html import escape

from pygments import highlight as pygmentize
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES
from pygments.util import ClassNotFound

from blog.markup.limits import MAX_CODE, names

# Languages that are highlighted. Pygments has 500 more lexers, but each is code that processes
# authors' text, and several have looped for ever, so the list is short on purpose.
LANGUAGES = names(
    "asm nasm awk bash sh shell zsh console batch bat bnf ebnf c cpp c++ csharp c# cs clojure clj "
    "cmake coq css scss sass less cython d dart diff docker dockerfile elixir ex elm erlang "
    "erl fish fortran fsharp gdscript glsl go golang graphql groovy haskell hs html htmldjango "
    "django jinja http ini cfg java javascript js jsx json json5 julia jl "
    "kotlin latex tex lean llvm lua make makefile markdown md mathematica matlab nginx nim nix "
    "nixos objective-c objc ocaml pascal delphi perl pl php postgresql postgres powershell ps1 "
    "prolog protobuf proto pycon pytb python py python3 r rb ruby rst restructuredtext rust rs "
    "scala scheme racket smalltalk solidity sql sqlite3 swift systemverilog sv tcl "
    "terraform hcl toml ts typescript tsx verilog vhdl vim vue wast wat xml yaml yml zig "
    "applescript apache apacheconf sparql turtle typst"
)
ALIASES = {
    "cargo": "toml",
    "dotenv": "ini",
    "jinja2": "jinja",
    "jsonc": "json5",
    "kt": "kotlin",
    "patch": "diff",
    "svelte": "html",
    "viml": "vim",
    "wasm": "wast",
}
CLASSES = frozenset(name for name in STANDARD_TYPES.values() if name)


def highlight(code: str, info: str) -> str:
    """Return a code block as HTML. `info` is its info string, such as `rust,ignore`."""
    language = language_of(info)
    highlighted = _highlighted(code, language) if len(code) <= MAX_CODE else escape(code)
    attribute = f' class="language-{language}"' if language else ""
    return f'<pre class="highlight"><code{attribute}>{highlighted}</code></pre>\n'


def language_of(info: str) -> str:
    """Return the language of an info string, or "" if it is not one that is highlighted."""
    for separator in ",{:":
        info = info.partition(separator)[0]
    name = (info.split() or [""])[0].lower().removeprefix("language-")
    return name if name in LANGUAGES or name in ALIASES else ""


def _highlighted(code: str, language: str) -> str:
    lexer = _lexer(language) if language else None
    if lexer is None:
        return escape(code)
    return str(pygmentize(code, lexer, HtmlFormatter(nowrap=True)))


@cache
def _lexer(language: str) -> Lexer | None:
    try:
        return get_lexer_by_name(ALIASES.get(language, language), stripnl=False)
    except ClassNotFound:
        return None
