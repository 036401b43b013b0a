"""The architecture, held against the source: who imports whom, and which material is used where."""

import ast
import re
import tokenize

import pytest
from jinja2 import nodes as jinja

from blog.config import Config
from blog.models.base import Base
from blog.web.templating import environment
from tests.support.source_tree import (
    MADE_BY_A_TOOL,
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

EVERYTHING = frozenset(module.part for module in MODULES)
BASE = frozenset({"", "config", "loopback", "markup", "models"})
AREA = BASE | {"cache", "media", "sandbox", "web"}

# What each package or single module may import. Two modules have a rule of their own: `config`
# parses the address of the mail server, and the list of tasks brings all kinds of work together.
MAY_IMPORT: dict[str, frozenset[str]] = {
    **dict.fromkeys(["", "dependencies", "loopback", "mail.settings", "priority"], frozenset()),
    "config": frozenset({"mail.settings"}),
    "markup": frozenset({"config"}),
    "models": BASE - {""},
    "migrations": frozenset({"models"}),
    "db": BASE,
    "media": frozenset({"config", "markup"}),
    "sandbox": BASE | {"media", "priority"},
    "web": BASE | {"media", "priority"},
    "cache": BASE | {"db", "web"},
    "backup": BASE | {"db", "media", "web"},
    "server": BASE | {"backup", "cache", "db", "web"},
    "jobs": BASE | {"db"},
    "mail": BASE | {"db", "jobs", "mail.settings", "server", "web"},
    "importer": BASE | {"backup", "db", "media", "sandbox", "server", "web"},
    "deploy": frozenset({"config", "server"}),
    "handbook": frozenset({"config", "markup", "sandbox"}),
    "doctor": BASE | {"backup", "db", "web"},
    "home": AREA,
    "control_panel": AREA,
    "admin": AREA | {"doctor"},
    "jobs.tasks": BASE | {"backup", "db", "jobs", "mail", "server"},
    "app": EVERYTHING - {"wsgi"},
    "wsgi": frozenset({"app", "server"}),
    "__main__": EVERYTHING,
}
# Where files are read and written.
DISK = ("backup", "config", "db", "deploy", "handbook", "importer", "media", "priority", "sandbox")
DISK += ("server.startup", "web.collectstatic", "web.i18n", "web.static_files")
# Where a child process is started or a worker replaced.
PROCESSES = ("backup", "deploy", "sandbox", "server.heartbeat", "server.supervisor")


def parts_imported(module: Module) -> set[str]:
    names = [name for name in module.imports if name == "blog" or name.startswith("blog.")]
    return {part_of(name) for name in names} - {module.part}


# --- who may import whom ---


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_imports_only_point_down(module):
    assert parts_imported(module) - MAY_IMPORT[module.part] == set()


def test_no_two_parts_stand_above_one_another():
    below = {part: set(MAY_IMPORT[part]) - {part} for part in MAY_IMPORT}
    below["app"] -= {"__main__"}
    below["__main__"] -= {"app"}
    while free := [part for part, needs in below.items() if not needs & set(below)]:
        for part in free:
            del below[part]
    assert below == {}


def test_models_know_neither_the_web_nor_disk_nor_network():
    unknown = {"sanic", "jinja2", "aiofiles", "aiohttp", "os", "pathlib", "shutil", "socket"}
    unknown |= {"subprocess", "asyncio", "PIL", "tempfile", "urllib.request", "http"}
    faults = [
        module.at(node)
        for module in MODULES
        if module.part in {"models", "markup"}
        for name, node in module.imports.items()
        if {name, name.split(".")[0], ".".join(name.split(".")[:2])} & unknown
    ]
    assert faults == []


# --- six materials, six places ---


def test_sql_is_written_only_in_the_models():
    faults = [
        module.at(node)
        for module in outside("models", "migrations", "db")
        for name, node in module.imports.items()
        if name.startswith("sqlalchemy") and not name.startswith("sqlalchemy.exc.")
    ]
    assert faults == []


def test_no_sql_is_pieced_together():
    faults = [
        module.at(call)
        for module in MODULES
        for call in module.calls
        if called(call) in {"text", "DDL", "literal_column", "exec_driver_sql"}
        and "sqlalchemy" in module.source
        and not (is_text(call.args[0]) or getattr(call.args[0], "id", "") in module.strings)
    ]
    assert [fault for fault in faults if not fault.startswith(tuple(OWN_NAMES))] == []


# Statements whose pieces are names that stand in the same file.
OWN_NAMES = {
    "blog/models/search/search_postgresql.py": "how each column of its list is stored",
    "blog/db/__init__.py": "BEGIN or BEGIN IMMEDIATE",
}


def test_the_environment_is_read_only_by_config():
    faults = [
        module.at(node)
        for module in outside("config")
        for node in module.nodes
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv", "putenv"}
    ]
    assert faults == []


def test_the_clock_is_read_only_by_models_base():
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


TOUCHES_DISK = {
    *("open", "read_text", "write_text", "read_bytes", "write_bytes", "unlink", "mkdir", "rmdir"),
    *("rename", "touch", "hardlink_to", "symlink_to", "iterdir", "rglob", "chmod", "rmtree"),
    *("copyfile", "is_file", "is_dir", "mkstemp", "mkdtemp", "NamedTemporaryFile"),
}


def test_the_disk_is_touched_only_where_files_are_kept():
    faults = [
        module.at(call)
        for module in outside(*DISK)
        for call in module.calls
        if called(call) in TOUCHES_DISK
    ]
    assert faults == []


def test_other_servers_and_child_processes_have_one_place_each():
    wanted = {"subprocess": PROCESSES, "multiprocessing": PROCESSES}
    wanted["socket"] = ("server.startup",)
    for client in (
        "aiohttp",
        "httpx",
        "requests",
        "http.client",
        "urllib.request",
        "smtplib",
        "aiosmtplib",
    ):
        wanted[client] = ("mail.smtp_client",)
    faults = [
        module.at(node)
        for module in MODULES
        for name, node in module.imports.items()
        for material, places in wanted.items()
        if (name == material or name.startswith(f"{material}.")) and not is_in(module, *places)
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


def test_only_templating_says_that_a_text_is_html_already():
    faults = [
        module.at(call)
        for module in outside("web.templating")
        for call in module.calls
        if called(call) == "Markup"
    ]
    assert faults == []


# --- sizes and names ---


def test_no_module_is_longer_than_300_lines():
    long = {module.here: module.source.count("\n") for module in MODULES}
    assert {here: lines for here, lines in long.items() if lines > 300} == {}


def test_no_function_is_longer_than_40_lines():
    faults = [
        module.at(node, f"{node.name}: {node.end_lineno - node.lineno + 1} lines")
        for module in MODULES
        for node in module.nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno - node.lineno >= 40
    ]
    assert faults == []


def test_no_module_bears_a_name_that_says_nothing():
    nothing = {"utils", "util", "helpers", "helper", "services", "core", "common", "misc", "lib"}
    assert [module.here for module in MODULES if module.path.stem in nothing] == []


def test_no_folder_holds_more_than_20_python_files():
    crowded = {
        str(folder.relative_to(ROOT)): number
        for top in (ROOT / "blog", ROOT / "tests")
        for folder in [top, *top.rglob("*")]
        if folder.is_dir() and folder != MADE_BY_A_TOOL
        if (number := len(list(folder.glob("*.py")))) > 20
    }
    assert crowded == {}


def test_no_two_public_classes_share_a_name():
    places: dict[str, list[str]] = {}
    for module in MODULES:
        for node in module.tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(module.here)
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_no_two_modules_of_a_package_share_a_name():
    places: dict[tuple[str, str], list[str]] = {}
    for module in MODULES:
        package = module.path.relative_to(PACKAGE).parts[0]
        if module.path.stem not in {"__init__", "__main__", "views"}:
            places.setdefault((package, module.path.stem), []).append(module.here)
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_every_module_says_what_it_is_for():
    assert [module.here for module in MODULES if not ast.get_docstring(module.tree)] == []


EXCEPTION = re.compile(r"# (?:noqa(?:: [A-Z0-9, ]+)?|type: ignore(?:\[[^]]*\])?)(.*)")


def test_every_exception_from_a_rule_carries_its_reason():
    """`# noqa: S608 -- why`, `# type: ignore[arg-type]  # why`."""
    faults = []
    for path in [module.path for module in MODULES] + sorted((ROOT / "tests").rglob("*.py")):
        with path.open("rb") as file:
            comments = [t for t in tokenize.tokenize(file.readline) if t.type == tokenize.COMMENT]
        for comment in comments:
            found = EXCEPTION.search(comment.string)
            if found and len(found[1].strip(" -#")) < 5:
                faults.append(f"{path.relative_to(ROOT)}:{comment.start[0]} {comment.string}")
    assert faults == []


def test_nothing_is_left_for_later():
    later = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError|NotImplemented)\b")
    faults = [
        f"{module.here}: {found[0]}" for module in MODULES if (found := later.search(module.source))
    ]
    assert faults == []


# --- templates ---


def test_every_template_escapes_whatever_its_name_ends_in(tmp_path):
    assert environment(Config(data_dir=tmp_path)).autoescape is True


# What may stand unescaped: text that markup has sanitised.
SANITISED = {"post.body_html", "row.body_html", "chosen.footer_html"}
SANITISED = SANITISED | {"comment_form"}  # a template of ours, rendered before
SANITISED |= {"comment.body_html", "answered.body_html", "rendered.html", "chapter.body_html"}


def test_nothing_is_exempt_from_escaping_but_rendered_text(tmp_path):
    env = environment(Config(data_dir=tmp_path))
    faults = []
    for path in TEMPLATES:
        tree = env.parse(path.read_text())
        for node in tree.find_all(jinja.Filter):
            if node.name in {"safe", "forceescape"} and spelt(node.node) not in SANITISED:
                faults.append(f"{path.relative_to(ROOT)}:{node.lineno} {spelt(node.node)}|safe")
        for node in tree.find_all((jinja.MarkSafe, jinja.ScopedEvalContextModifier)):
            faults.append(f"{path.relative_to(ROOT)}:{node.lineno} escaping is switched off")
    assert faults == []


def spelt(node: jinja.Node) -> str:
    if isinstance(node, jinja.Getattr):
        return f"{spelt(node.node)}.{node.attr}"
    return node.name if isinstance(node, jinja.Name) else type(node).__name__


INLINE = {
    "a script in the page": re.compile(r"<script(?![^>]*\ssrc=)", re.IGNORECASE),
    "a style in the page": re.compile(r"<style\b", re.IGNORECASE),
    "a style on an element": re.compile(r"\sstyle\s*=", re.IGNORECASE),
    "a handler on an element": re.compile(r"\son[a-z]+\s*=\s*[\"']", re.IGNORECASE),
    "an address that runs": re.compile(r"[\"']\s*javascript:", re.IGNORECASE),
    "a foreign host": re.compile(r"(src|srcset)\s*=\s*[\"']?(https?:)?//", re.IGNORECASE),
}


@pytest.mark.parametrize("fault", INLINE)
def test_no_template_holds_what_the_content_security_policy_refuses(fault):
    found = [
        str(path.relative_to(ROOT)) for path in TEMPLATES if INLINE[fault].search(path.read_text())
    ]
    assert found == []


# --- models ---


def test_every_relationship_must_be_loaded_on_purpose():
    import blog.models

    assert blog.models.__doc__
    faults = [
        str(relation)
        for mapper in Base.registry.mappers
        for relation in mapper.relationships
        if relation.lazy != "raise"
    ]
    assert faults == [] and len(list(Base.registry.mappers)) > 10


def test_no_table_deletes_behind_our_back():
    cascading = [
        str(key.parent)
        for table in Base.metadata.tables.values()
        for key in table.foreign_keys
        if key.ondelete or key.onupdate
    ]
    assert cascading == []
