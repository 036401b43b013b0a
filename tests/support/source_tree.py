"""The source of the blog as the guards of the house see it: modules, parts, names, templates."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.support.paths import ROOT

PACKAGE = ROOT / "blog"
MADE_BY_A_TOOL = PACKAGE / "migrations" / "versions"
PARTS = {path.stem for path in PACKAGE.iterdir()}


# Two modules that have a rule of their own, beside that of their package.
APART = ("jobs.tasks", "mail.settings")


def part_of(name: str) -> str:
    """`web` for `blog.web.redirect`; "" for what is defined in `blog/__init__.py`."""
    within = name.removeprefix("blog").lstrip(".")
    for module in APART:
        if f"{within}.".startswith(f"{module}."):
            return module
    first = within.partition(".")[0]
    return first if first in PARTS else ""


@dataclass(frozen=True)
class Module:
    """One file of Python. Its `part` is what the arrows of the house are drawn between."""

    path: Path

    @property
    def name(self) -> str:
        """`blog.home.views`; a package's `__init__` has the package's name."""
        parts = self.path.relative_to(PACKAGE.parent).with_suffix("").parts
        return ".".join(parts).removesuffix(".__init__")

    @property
    def part(self) -> str:
        return part_of(self.name)

    @property
    def here(self) -> str:
        return str(self.path.relative_to(ROOT))

    @cached_property
    def source(self) -> str:
        return self.path.read_text()

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.source)

    @property
    def nodes(self) -> Iterator[ast.AST]:
        return ast.walk(self.tree)

    @property
    def calls(self) -> Iterator[ast.Call]:
        return (node for node in self.nodes if isinstance(node, ast.Call))

    @property
    def texts(self) -> Iterator[tuple[ast.Constant, str]]:
        """Every string but the docstrings."""
        told = {
            id(node.body[0].value)
            for node in self.nodes
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        for node in self.nodes:
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from [(node, node.value)] if id(node) not in told else []

    def at(self, node: ast.AST, what: str = "") -> str:
        return f"{self.here}:{getattr(node, 'lineno', 0)} {what or ast.unparse(node)[:80]}"

    @cached_property
    def imports(self) -> dict[str, ast.AST]:
        """Every module and every name in one, dotted, that is imported anywhere in the file."""
        found: dict[str, ast.AST] = {}
        for node in self.nodes:
            if isinstance(node, ast.Import):
                found.update({alias.name: node for alias in node.names})
            elif isinstance(node, ast.ImportFrom):
                found.update({f"{node.module}.{alias.name}": node for alias in node.names})
        return found

    @cached_property
    def strings(self) -> set[str]:
        """Names of the module's own constants that are plain strings."""
        pairs = (
            (node.targets[0], node.value)
            for node in self.tree.body
            if isinstance(node, ast.Assign) and len(node.targets) == 1
        )
        return {
            target.id for target, value in pairs if isinstance(target, ast.Name) and is_text(value)
        }


MODULES = [
    Module(path) for path in sorted(PACKAGE.rglob("*.py")) if MADE_BY_A_TOOL not in path.parents
]
TEMPLATES = sorted(
    path
    for folder in (ROOT / "templates", *PACKAGE.glob("*/templates"))
    for path in folder.rglob("*")
    if path.is_file()
)


def is_text(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def called(node: ast.Call) -> str:
    """The last name of what is called: `text` for `sa.text(…)`."""
    function = node.func
    return getattr(function, "attr", "") or getattr(function, "id", "")


def dotted(node: ast.AST) -> str:
    """`datetime.now` for an attribute of a name; "" for anything else."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}".lstrip(".")
    return node.id if isinstance(node, ast.Name) else ""


def outside(*places: str) -> list[Module]:
    """The modules that belong to none of these packages or modules, such as `db` or `web.i18n`."""
    return [module for module in MODULES if not is_in(module, *places)]


def is_in(module: Module, *places: str) -> bool:
    return any(f"{module.name}.".startswith(f"blog.{place}.") for place in places)
