"""The declarations of all sections: they match their listings, and their names are unique."""

import ast
from contextlib import suppress

import pytest

from blog import admin
from blog.admin.section import SECTIONS, Section
from blog.models.listing import ListQuery
from blog.models.users.user import ROLES
from blog.web.templating import environment
from tests.support.source_tree import MODULES

LISTS = [section for section in SECTIONS if section.listing]
LIST_KEYS = {"j", "k", "x"}  # shortcuts of every list


def names(section: Section) -> str:
    return section.name or "overview"


def test_sections_have_distinct_places_and_valid_roles():
    places = [section.place for section in SECTIONS]
    assert len(set(places)) == len(places)
    assert {section.role for section in SECTIONS} <= set(ROLES)
    assert admin.bp.ctx.sections == {section.name: section.role for section in SECTIONS}


def test_the_admin_area_has_the_expected_sections():
    promised = {"posts", "pages", "comments", "tags", "people", "invitations", "redirects"}
    assert {section.name for section in SECTIONS} >= promised | {"pictures", "audit", "settings"}
    roles = {section.name: section.role for section in SECTIONS}
    for name in ("posts", "pages", "comments", "tags", "redirects", "pictures"):
        assert roles[name] == "editor"
    for name in ("people", "invitations", "audit", "settings"):
        assert roles[name] == "admin"


def test_every_route_name_can_be_found_in_the_source():
    """Searching for a route name finds its declaration, or the view of that name."""
    written = set()
    for node in (node for module in MODULES if module.part == "admin" for node in module.nodes):
        if isinstance(node, ast.keyword) and (node.arg or "").endswith("route"):
            written.add(getattr(node.value, "value", ""))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            written.add(node.name)
    routes = {route.name.removeprefix("admin.") for route in admin.bp._future_routes}
    assert len(routes) > 40 and routes - written == set()


def test_the_modules_of_the_admin_area_import_one_another_in_one_direction():
    names = {module.name for module in MODULES if module.part == "admin"}
    imports = {
        module.name: {
            name
            for imported in module.imports
            for name in (imported, imported.rpartition(".")[0])
            if name in names - {"blog.admin", module.name}
        }
        for module in MODULES
        if module.part == "admin"
    }
    while free := {name for name, needed in imports.items() if not needed & set(imports)}:
        for name in free:
            del imports[name]
    assert imports == {}


@pytest.mark.parametrize("section", LISTS, ids=names)
def test_columns_filters_and_orders_exist_in_the_listing(section):
    listing = section.listing
    assert listing.sort in listing.orders
    assert {column.name for column in section.columns if column.sort} <= set(listing.orders)
    assert bool(section.search) == bool(listing.search)
    for filter in section.filters:
        known = listing.filters[filter.name].options
        assert callable(filter.options) or not known or set(filter.options) <= set(known)
        assert not filter.default or filter.default in filter.options


@pytest.mark.parametrize("section", LISTS, ids=names)
def test_names_and_shortcuts_of_actions_are_unique(section):
    names = [action.name for action in section.actions]
    keys = [action.key for action in section.actions if action.key]
    assert len(set(names)) == len(names) and len(set(keys)) == len(keys)
    assert not LIST_KEYS & set(keys)
    assert all("%(num)s" in sentence for action in section.actions for sentence in action.done)


@pytest.mark.parametrize("section", LISTS, ids=names)
def test_every_cell_has_a_macro(section, config):
    made = environment(config)
    for column in section.columns:
        sources = [
            made.loader.get_source(made, name)[0] for name in (section.cells, "admin/_cells.html")
        ]
        assert any(f"macro {column.cell}(" in source for source in sources), column


@pytest.mark.parametrize("section", LISTS, ids=names)
def test_every_order_and_filter_works_on_both_databases(section, database):
    listing = section.listing
    for order in listing.orders:
        for sort in (order, f"-{order}"):
            assert database.read_now(listing.page, ListQuery(sort=sort)).sort == sort
    for name, known in listing.filters.items():
        for value in known.options or ("nobody",):
            with suppress(LookupError):  # an unknown value gives 404
                database.read_now(listing.page, ListQuery(filters={name: value}))
    database.read_now(listing.page, ListQuery(words="a%_ 字"))


@pytest.mark.parametrize("section", LISTS, ids=names)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_list_renders_with_all_example_data(client, section, language):
    def speak(session) -> None:
        session.get_one(type(client.cast.kim), client.cast.kim.id).language = language

    client.database.transact_now(speak)
    kim = client.let_in("kim")
    page = client.get(f"/admin/{section.name}", cookies=kim)
    assert page.status == 200 and f'<html lang="{language}">' in page.text
    for order in section.listing.orders:
        assert client.get(f"/admin/{section.name}?sort=-{order}", cookies=kim).status == 200
