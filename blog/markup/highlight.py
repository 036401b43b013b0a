"""Code coloured on the server: Pygments' short classes inside `<pre class="highlight">`."""

from functools import cache
from html import escape

from pygments import highlight as pygmentize
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES
from pygments.util import ClassNotFound

from blog.markup.limits import LONGEST_CODE, names

# Languages that Pygments' lexers are used for. It has 500 more; every one is code that an
# author's text runs through, and several have looped for ever, so the list is short on purpose.
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
NICKNAMES = {
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
    """A fenced block as HTML. `info` is its info string, such as `rust,ignore` or `py title=x`."""
    language = language_of(info)
    marked = _coloured(code, language) if len(code) <= LONGEST_CODE else escape(code)
    named = f' class="language-{language}"' if language else ""
    return f'<pre class="highlight"><code{named}>{marked}</code></pre>\n'


def language_of(info: str) -> str:
    """The name of a language that is coloured, or ''."""
    for separator in ",{:":
        info = info.partition(separator)[0]
    name = (info.split() or [""])[0].lower().removeprefix("language-")
    return name if name in LANGUAGES or name in NICKNAMES else ""


def _coloured(code: str, language: str) -> str:
    lexer = _lexer(language) if language else None
    if lexer is None:
        return escape(code)
    return str(pygmentize(code, lexer, HtmlFormatter(nowrap=True)))


@cache
def _lexer(language: str) -> Lexer | None:
    try:
        return get_lexer_by_name(NICKNAMES.get(language, language), stripnl=False)
    except ClassNotFound:
        return None
