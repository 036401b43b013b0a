"""The source tree, parsed for the architecture tests: modules, packages, imports, templates."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.support.paths import ROOT

PACKAGE = ROOT / "blog"
GENERATED = PACKAGE / "migrations" / "versions"
PARTS = {path.stem for path in PACKAGE.iterdir()}


# Modules with their own import rule, different from that of their package.
SEPARATE_MODULES = ("jobs.tasks", "mail.settings")


def part_of(name: str) -> str:
    """Return the part a dotted name belongs to: `web` for `blog.web.redirect`.

    A part is a package or a single module. It is "" for names defined in `blog/__init__.py`.
    """
    within = name.removeprefix("blog").lstrip(".")
    for module in SEPARATE_MODULES:
        if f"{within}.".startswith(f"{module}."):
            return module
    first = within.partition(".")[0]
    return first if first in PARTS else ""


@dataclass(frozen=True)
class Module:
    """One Python file. Import rules are defined between the parts that the files belong to."""

    path: Path

    @property
    def name(self) -> str:
        """The dotted name, such as `blog.home.views`. A package's `__init__` has its name."""
        parts = self.path.relative_to(PACKAGE.parent).with_suffix("").parts
        return ".".join(parts).removesuffix(".__init__")

    @property
    def part(self) -> str:
        """The package or single module that import rules apply to."""
        return part_of(self.name)

    @property
    def relative_path(self) -> str:
        """The path relative to the repository, such as `blog/app.py`."""
        return str(self.path.relative_to(ROOT))

    @cached_property
    def source(self) -> str:
        return self.path.read_text()

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.source)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Every node of the tree. Many tests look at them, so the tree is walked only once."""
        return list(ast.walk(self.tree))

    @cached_property
    def calls(self) -> list[ast.Call]:
        return [node for node in self.nodes if isinstance(node, ast.Call)]

    @property
    def texts(self) -> Iterator[tuple[ast.Constant, str]]:
        """Every string literal except docstrings."""
        docstrings = {
            id(node.body[0].value)
            for node in self.nodes
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        for node in self.nodes:
            if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
                continue
            if id(node) not in docstrings:
                yield node, node.value

    def at(self, node: ast.AST, description: str = "") -> str:
        """Return a line for an error report: path, line number and code."""
        line = getattr(node, "lineno", 0)
        return f"{self.relative_path}:{line} {description or ast.unparse(node)[:80]}"

    @cached_property
    def imports(self) -> dict[str, ast.AST]:
        """Every import in the file: the dotted name of a module, or of a name in it."""
        imported: dict[str, ast.AST] = {}
        for node in self.nodes:
            if isinstance(node, ast.Import):
                imported.update({alias.name: node for alias in node.names})
            elif isinstance(node, ast.ImportFrom):
                imported.update({f"{node.module}.{alias.name}": node for alias in node.names})
        return imported

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


MODULES = [Module(path) for path in sorted(PACKAGE.rglob("*.py")) if GENERATED not in path.parents]
TEMPLATES = sorted(
    path
    for folder in (ROOT / "templates", *PACKAGE.glob("*/templates"))
    for path in folder.rglob("*")
    if path.is_file()
)


def is_text(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def called(node: ast.Call) -> str:
    """Return the last name of the called function: `text` for `sa.text(…)`."""
    function = node.func
    return getattr(function, "attr", "") or getattr(function, "id", "")


def dotted(node: ast.AST) -> str:
    """Return `datetime.now` for such an attribute, or "" for other expressions."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}".lstrip(".")
    return node.id if isinstance(node, ast.Name) else ""


def outside(*names: str) -> list[Module]:
    """Return the modules that are in none of these packages or modules (`db`, `web.i18n`)."""
    return [module for module in MODULES if not is_in(module, *names)]


def is_in(module: Module, *names: str) -> bool:
    """Whether the module is in one of these packages or modules (`db`, `web.i18n`)."""
    return any(f"{module.name}.".startswith(f"blog.{name}.") for name in names)
