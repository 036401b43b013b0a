"""Architecture rules, checked against the source: imports, where each concern is allowed, sizes."""

import ast
import re
import tokenize

import pytest
from jinja2 import nodes as jinja

from blog.config import Config
from blog.models.base import Base
from blog.web.templating import environment
from tests.support.source_tree import (
    GENERATED,
    MODULES,
    PACKAGE,
    ROOT,
    TEMPLATES,
    Module,
    called,
    dotted,
    is_in,
    is_text,
    outside,
    part_of,
)

ALL_PARTS = frozenset(module.part for module in MODULES)
BASE = frozenset({"", "config", "loopback", "markup", "models", "refusal"})
STANDALONE = (
    *("", "dependencies", "loopback", "mail.settings", "priority", "refusal"),
    "request_metrics",
)
BLUEPRINT = BASE | {"cache", "media", "sandbox", "web"}

# What each package or single module may import. Two modules have a rule of their own: `config`
# parses the address of the mail server, and the list of tasks needs all kinds of work.
MAY_IMPORT: dict[str, frozenset[str]] = {
    **dict.fromkeys(STANDALONE, frozenset()),
    "config": frozenset({"mail.settings"}),
    "markup": frozenset({"config", "refusal"}),
    "models": BASE - {""},
    "migrations": frozenset({"models"}),
    "db": BASE,
    "media": frozenset({"config", "markup"}),
    "sandbox": BASE | {"media", "priority"},
    "web": BASE | {"db", "media", "priority", "sandbox"},
    "cache": BASE | {"db", "request_metrics", "web"},
    "backup": BASE | {"db", "media", "web"},
    "server": BASE | {"backup", "cache", "db", "request_metrics", "web"},
    "jobs": BASE | {"db"},
    "mail": BASE | {"db", "jobs", "mail.settings", "server", "web"},
    "importer": BASE | {"backup", "db", "media", "sandbox", "server", "web"},
    "deploy": frozenset({"config", "server"}),
    "handbook": frozenset({"config", "markup", "sandbox"}),
    "doctor": BASE | {"backup", "db", "web"},
    "home": BLUEPRINT,
    "control_panel": BLUEPRINT,
    "admin": BLUEPRINT | {"doctor"},
    "jobs.tasks": BASE | {"backup", "db", "jobs", "mail", "server"},
    "app": ALL_PARTS - {"cli", "wsgi"},
    "wsgi": frozenset({"app", "server"}),
    "cli": ALL_PARTS - {"__main__", "app", "wsgi"},
    "__main__": ALL_PARTS,
}
# Modules that may read and write files.
DISK_MODULES = (
    "backup",
    "config",
    "db",
    "deploy",
    "handbook",
    "importer",
    "media",
    "priority",
    "sandbox",
)
DISK_MODULES += ("server.startup", "web.collectstatic", "web.i18n", "web.static_files")
# Modules that may start or replace processes.
PROCESS_MODULES = ("backup", "deploy", "sandbox", "server.heartbeat", "server.supervisor")


def imported_parts(module: Module) -> set[str]:
    names = [name for name in module.imports if name == "blog" or name.startswith("blog.")]
    return {part_of(name) for name in names} - {module.part}


# --- imports ---


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_imports_only_point_down(module):
    assert imported_parts(module) - MAY_IMPORT[module.part] == set()


def test_imports_between_parts_have_no_cycle():
    imports = {part: set(MAY_IMPORT[part]) - {part} for part in MAY_IMPORT}
    imports["app"] -= {"__main__"}
    imports["__main__"] -= {"app"}
    while without_imports := [part for part, needs in imports.items() if not needs & set(imports)]:
        for part in without_imports:
            del imports[part]
    assert imports == {}


def test_models_and_markup_use_neither_web_nor_disk_nor_network():
    forbidden = {"sanic", "jinja2", "aiofiles", "aiohttp", "os", "pathlib", "shutil", "socket"}
    forbidden |= {"subprocess", "asyncio", "PIL", "tempfile", "urllib.request", "http"}
    faults = [
        module.at(node)
        for module in MODULES
        if module.part in {"models", "markup"}
        for name, node in module.imports.items()
        if {name, name.split(".")[0], ".".join(name.split(".")[:2])} & forbidden
    ]
    assert faults == []


# --- each concern has its place ---


def test_sql_is_written_only_in_the_models():
    faults = [
        module.at(node)
        for module in outside("models", "migrations", "db")
        for name, node in module.imports.items()
        if name.startswith("sqlalchemy") and not name.startswith("sqlalchemy.exc.")
    ]
    assert faults == []


def test_no_sql_is_built_from_strings():
    faults = [
        module.at(call)
        for module in MODULES
        for call in module.calls
        if called(call) in {"text", "DDL", "literal_column", "exec_driver_sql"}
        and "sqlalchemy" in module.source
        and not (is_text(call.args[0]) or getattr(call.args[0], "id", "") in module.strings)
    ]
    assert [fault for fault in faults if not fault.startswith(tuple(BUILT_FROM_CONSTANTS))] == []


# Statements built from constants of the same file.
BUILT_FROM_CONSTANTS = {
    "blog/models/search/search_postgresql.py": "how each column of its list is stored",
    "blog/db/__init__.py": "BEGIN or BEGIN IMMEDIATE",
}


def test_no_function_looks_at_the_parameters_of_another_to_decide_what_to_pass():
    looks = {"signature", "getfullargspec", "__code__"}
    faults = [
        module.at(node)
        for module in MODULES
        for node in module.nodes
        if (isinstance(node, ast.Attribute) and node.attr in looks)
        or (isinstance(node, ast.ImportFrom) and node.module == "inspect")
    ]
    assert faults == []


def test_values_are_attached_to_a_session_or_connection_only_by_the_audit_log():
    faults = [
        module.at(node)
        for module in outside("models.audit.session")
        for node in module.nodes
        if isinstance(node, ast.Attribute)
        and node.attr == "info"
        and dotted(node.value).split(".")[-1] in {"session", "connection"}
    ]
    assert faults == []


def test_the_environment_is_read_only_by_config():
    faults = [
        module.at(node)
        for module in outside("config")
        for node in module.nodes
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv", "putenv"}
    ]
    assert faults == []


def test_the_current_time_is_read_only_by_models_base():
    clocks = {"now", "utcnow", "today"}
    faults = [
        module.at(node)
        for module in outside("models.base")
        for node in module.nodes
        if isinstance(node, ast.Attribute)
        and (
            (node.attr in clocks and dotted(node.value).split(".")[-1] in {"datetime", "date"})
            or dotted(node) in {"time.time", "time.time_ns", "time.gmtime", "time.localtime"}
        )
    ]
    assert faults == []


DISK_FUNCTIONS = {
    *("open", "read_text", "write_text", "read_bytes", "write_bytes", "unlink", "mkdir", "rmdir"),
    *("rename", "touch", "hardlink_to", "symlink_to", "iterdir", "rglob", "chmod", "rmtree"),
    *("copyfile", "is_file", "is_dir", "mkstemp", "mkdtemp", "NamedTemporaryFile"),
}


def test_the_disk_is_used_only_by_certain_modules():
    faults = [
        module.at(call)
        for module in outside(*DISK_MODULES)
        for call in module.calls
        if called(call) in DISK_FUNCTIONS
    ]
    assert faults == []


def test_network_and_processes_are_used_only_by_certain_modules():
    allowed = {"subprocess": PROCESS_MODULES, "multiprocessing": PROCESS_MODULES}
    allowed["socket"] = ("server.startup",)
    for client in (
        "aiohttp",
        "httpx",
        "requests",
        "http.client",
        "urllib.request",
        "smtplib",
        "aiosmtplib",
    ):
        allowed[client] = ("mail.smtp_client",)
    faults = [
        module.at(node)
        for module in MODULES
        for name, node in module.imports.items()
        for concern, places in allowed.items()
        if (name == concern or name.startswith(f"{concern}.")) and not is_in(module, *places)
    ]
    assert faults == []


TAG = re.compile(
    r"</?(a|abbr|article|b|body|br|button|code|div|em|form|h[1-6]|head|html|img|input|li|link|"
    r"mark|meta|ol|p|pre|script|section|span|strong|style|table|td|time|tr|ul)(\s[^<>]*)?/?>"
)


def test_html_is_written_only_in_templates_and_by_markup():
    faults = [
        module.at(node, f"{text[:60]!r}")
        for module in outside("markup", "importer")
        for node, text in module.texts
        if TAG.search(text)
    ]
    assert faults == []


def test_only_templating_marks_text_as_html():
    faults = [
        module.at(call)
        for module in outside("web.templating")
        for call in module.calls
        if called(call) == "Markup"
    ]
    assert faults == []


# --- sizes and names ---


def test_no_module_is_longer_than_300_lines():
    lengths = {module.relative_path: module.source.count("\n") for module in MODULES}
    assert {path: lines for path, lines in lengths.items() if lines > 300} == {}


def test_no_function_is_longer_than_40_lines():
    faults = [
        module.at(node, f"{node.name}: {node.end_lineno - node.lineno + 1} lines")
        for module in MODULES
        for node in module.nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno - node.lineno >= 40
    ]
    assert faults == []


def test_no_module_has_an_uninformative_name():
    uninformative = {
        "utils",
        "util",
        "helpers",
        "helper",
        "services",
        "core",
        "common",
        "misc",
        "lib",
    }
    assert [module.relative_path for module in MODULES if module.path.stem in uninformative] == []


def test_any_is_rare():
    lines = [
        f"{module.relative_path}: {line.strip()}"
        for module in MODULES
        for line in module.source.splitlines()
        if re.search(r"\bAny\b", line)
    ]
    assert len(lines) < 150


def test_no_folder_holds_more_than_20_python_files():
    crowded = {
        str(folder.relative_to(ROOT)): number
        for top in (ROOT / "blog", ROOT / "tests")
        for folder in [top, *top.rglob("*")]
        if folder.is_dir() and folder != GENERATED
        if (number := len(list(folder.glob("*.py")))) > 20
    }
    assert crowded == {}


def test_no_two_public_classes_share_a_name():
    places: dict[str, list[str]] = {}
    for module in MODULES:
        for node in module.tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(module.relative_path)
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}


def test_no_two_modules_of_a_package_share_a_name():
    places: dict[tuple[str, str], list[str]] = {}
    for module in MODULES:
        package = module.path.relative_to(PACKAGE).parts[0]
        if module.path.stem not in {"__init__", "__main__", "views"}:
            places.setdefault((package, module.path.stem), []).append(module.relative_path)
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}


def test_every_module_has_a_docstring():
    assert [module.relative_path for module in MODULES if not ast.get_docstring(module.tree)] == []


EXCEPTION = re.compile(r"# (?:noqa(?:: [A-Z0-9, ]+)?|type: ignore(?:\[[^]]*\])?)(.*)")


def test_every_exception_from_a_rule_has_a_reason():
    """`# noqa: S608 -- why`, `# type: ignore[arg-type]  # why`."""
    faults = []
    for path in [module.path for module in MODULES] + sorted((ROOT / "tests").rglob("*.py")):
        if not EXCEPTION.search(path.read_text()):
            continue  # finding the comments of all files takes more than a second
        with path.open("rb") as file:
            comments = [t for t in tokenize.tokenize(file.readline) if t.type == tokenize.COMMENT]
        for comment in comments:
            exception = EXCEPTION.search(comment.string)
            if exception and len(exception[1].strip(" -#")) < 5:
                faults.append(f"{path.relative_to(ROOT)}:{comment.start[0]} {comment.string}")
    assert faults == []


def test_nothing_is_left_to_do():
    unfinished = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError|NotImplemented)\b")
    faults = [
        f"{module.relative_path}: {match[0]}"
        for module in MODULES
        for match in unfinished.finditer(module.source)
    ]
    assert faults == []


# --- templates ---


def test_every_template_is_escaped_whatever_its_file_name(tmp_path):
    assert environment(Config(data_dir=tmp_path)).autoescape is True


# Expressions that may be unescaped, because markup has sanitised them.
SANITISED = {"post.body_html", "row.body_html", "chosen.footer_html"}
SANITISED = SANITISED | {"comment_form"}  # rendered by a template of our own
SANITISED |= {"comment.body_html", "answered.body_html", "rendered.html", "chapter.body_html"}


def test_only_rendered_text_is_exempt_from_escaping(tmp_path):
    env = environment(Config(data_dir=tmp_path))
    faults = []
    for path in TEMPLATES:
        tree = env.parse(path.read_text())
        for node in tree.find_all(jinja.Filter):
            if node.name in {"safe", "forceescape"} and dotted_name(node.node) not in SANITISED:
                faults.append(
                    f"{path.relative_to(ROOT)}:{node.lineno} {dotted_name(node.node)}|safe"
                )
        for node in tree.find_all((jinja.MarkSafe, jinja.ScopedEvalContextModifier)):
            faults.append(f"{path.relative_to(ROOT)}:{node.lineno} escaping is switched off")
    assert faults == []


def dotted_name(node: jinja.Node) -> str:
    if isinstance(node, jinja.Getattr):
        return f"{dotted_name(node.node)}.{node.attr}"
    return node.name if isinstance(node, jinja.Name) else type(node).__name__


INLINE = {
    # JSON-LD is data, which browsers do not run.
    "a script in the page": re.compile(
        r"<script(?![^>]*\ssrc=)(?! type=\"application/ld\+json\">)", re.IGNORECASE
    ),
    "a style in the page": re.compile(r"<style\b", re.IGNORECASE),
    "a style on an element": re.compile(r"\sstyle\s*=", re.IGNORECASE),
    "a handler on an element": re.compile(r"\son[a-z]+\s*=\s*[\"']", re.IGNORECASE),
    "a script as an address": re.compile(r"[\"']\s*javascript:", re.IGNORECASE),
    "another host": re.compile(r"(src|srcset)\s*=\s*[\"']?(https?:)?//", re.IGNORECASE),
}


@pytest.mark.parametrize("fault", INLINE)
def test_no_template_has_what_the_content_security_policy_forbids(fault):
    faults = [
        str(path.relative_to(ROOT)) for path in TEMPLATES if INLINE[fault].search(path.read_text())
    ]
    assert faults == []


# --- models ---


def test_every_relationship_must_be_loaded_explicitly():
    import blog.models

    assert blog.models.__doc__
    faults = [
        str(relation)
        for mapper in Base.registry.mappers
        for relation in mapper.relationships
        if relation.lazy != "raise"
    ]
    assert faults == [] and len(list(Base.registry.mappers)) > 10


def test_no_table_deletes_or_updates_rows_by_cascade():
    cascading = [
        str(key.parent)
        for table in Base.metadata.tables.values()
        for key in table.foreign_keys
        if key.ondelete or key.onupdate
    ]
    assert cascading == []
