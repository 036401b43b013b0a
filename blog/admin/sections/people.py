"""The list of people: its columns, filters and actions; adding and changing accounts."""

from sanic import HTTPResponse, Request

from blog import web
from blog.admin.section import Action, Column, Filter, Section, ngettext
from blog.config import N_
from blog.models.base import Refusal
from blog.models.listing import for_each
from blog.models.users import password, user, user_list
from blog.models.users.user import ADMIN, LONGEST_PASSWORD, ROLES
from blog.models.users.user_list import ListedUser
from blog.web import auth, headers
from blog.web.forms import Choice, Form, Text, Verbatim

ROLE_NAMES = {"author": N_("Author"), "editor": N_("Editor"), "admin": N_("Admin")}
section = Section(
    "people",
    N_("People"),
    place=80,
    role=ADMIN,
    route="people",
    listing=user_list.people,
    counted=ngettext("%(num)s person", "%(num)s people"),
    columns=(
        Column("display_name", N_("Name"), "person", sort=True),
        Column("name", N_("Sign-in name"), "signs_in", sort=True),
        Column("role", N_("Role"), "role"),
        Column("email", N_("Email address")),
        Column("posts", N_("Posts"), "posts"),
    ),
    filters=(
        Filter(
            "who",
            N_("Account"),
            {
                "active": N_("Can sign in"),
                "byline": N_("Bylines only"),
                "disabled": N_("Disabled"),
            },
            tabs=True,
        ),
        Filter("role", N_("Role"), ROLE_NAMES),
    ),
    search=N_("Name or email address"),
    actions=(
        Action(
            "disable",
            N_("Disable"),
            for_each(user_list.disable_person),
            route="disable_people",
            done=ngettext(
                "%(num)s person can no longer sign in.",
                "%(num)s people can no longer sign in.",
            ),
            offered=lambda row: not (row.is_byline or row.disabled_at),
        ),
        Action(
            "enable",
            N_("Enable"),
            for_each(user.enable),
            route="enable_people",
            done=ngettext("%(num)s person can sign in again.", "%(num)s people can sign in again."),
            offered=lambda row: bool(row.disabled_at),
        ),
    ),
    cells="admin/_people_cells.html",
    page="people",
)


class PersonForm(Form):
    """The profile and the role of a person."""

    display_name = Text(required=True, most=200)
    email = Text(most=254)
    role = Choice(*ROLES)


class NewPersonForm(PersonForm):
    """A new account, with sign-in name and password."""

    name = Text(required=True, most=64)
    password = Verbatim(required=True, most=LONGEST_PASSWORD)


class SetPasswordForm(Form):
    """A new password, set by an admin."""

    password = Verbatim(required=True, most=LONGEST_PASSWORD)


@section.get("/new")
async def new_person(request: Request) -> HTTPResponse:
    """Show the form for a new account."""
    return section.show(request, "new_person", form=NewPersonForm.blank(request, role="author"))


@section.post("/new")
async def add_person(request: Request) -> HTTPResponse:
    """Add an account."""
    form = NewPersonForm.read(request)
    form.check("name", user.check_name).check("email", user.check_email)
    names = (form.values[name] for name in ("name", "display_name", "email"))
    form.check("password", auth.password_rule(request, *names))
    try:
        if form.ok:
            await _add(request, form)
            web.flash(request, N_("%(name)s can sign in now."), name=form["display_name"])
            return web.redirect(request, "admin.people")
    except Refusal as refusal:
        form.refuse(refusal)
    return section.show(request, "new_person", 422, form=form)


async def _add(request: Request, form: NewPersonForm) -> None:
    hashed = await request.app.ctx.passwords.hash(form["password"])
    profile = {name: form[name] for name in ("name", "display_name", "email", "role")}
    await web.transact(request, user.create_user, **profile, password_hash=hashed)


@section.get("/<id:int>")
async def person(request: Request, id: int) -> HTTPResponse:
    """Show a person."""
    person = await web.get_or_404(request, user_list.get_user, id)
    return _person_page(request, person, form=_form(request, person))


@section.post("/<id:int>")
async def save_person(request: Request, id: int) -> HTTPResponse:
    """Save the profile and the role of a person."""
    person = await web.get_or_404(request, user_list.get_user, id)
    form = PersonForm.read(request)
    try:
        if form.ok:
            await web.transact(request, user_list.save_person, id, **form.data, by=request.ctx.user)
            web.flash(request, N_("Saved."))
            return web.redirect(request, "admin.person", id=id)
    except Refusal as refusal:
        form.refuse(refusal)
    return _person_page(request, person, 422, form=form)


@section.post("/<id:int>/set-password")
async def set_password(request: Request, id: int) -> HTTPResponse:
    """Set a password, if a person forgot theirs, or to turn a byline into an account."""
    person = await web.get_or_404(request, user_list.get_user, id)
    names = (person.name, person.display_name, person.email)
    form = SetPasswordForm.read(request).check("password", auth.password_rule(request, *names))
    try:
        if form.ok:
            hashed = await request.app.ctx.passwords.hash(form["password"])
            await web.transact(
                request,
                password.assign_password,
                id,
                hashed,
                by=request.ctx.user,
                ip=headers.client_ip(request),
            )
            web.flash(request, N_("%(name)s can sign in now."), name=person.display_name)
            return web.redirect(request, "admin.person", id=id)
    except Refusal as refusal:
        form.refuse(refusal)
    return _person_page(request, person, 422, form=_form(request, person), password_form=form)


@section.post("/<id:int>/disable")
async def disable_person(request: Request, id: int) -> HTTPResponse:
    """Disable an account and end its sessions."""
    person = await web.get_or_404(request, user_list.get_user, id)
    try:
        await web.transact(request, user_list.disable_person, id, by=request.ctx.user)
    except Refusal as refusal:
        return _person_page(request, person, 422, form=_form(request, person).refuse(refusal))
    web.flash(request, N_("%(name)s can no longer sign in."), name=person.display_name)
    return web.redirect(request, "admin.person", id=id)


@section.post("/<id:int>/enable")
async def enable_person(request: Request, id: int) -> HTTPResponse:
    """Enable a disabled account."""
    person = await web.get_or_404(request, user_list.get_user, id)
    await web.transact(request, user.enable, id, by=request.ctx.user)
    web.flash(request, N_("%(name)s can sign in again."), name=person.display_name)
    return web.redirect(request, "admin.person", id=id)


def _form(request: Request, person: ListedUser) -> PersonForm:
    profile = {name: getattr(person, name) for name in PersonForm.fields}
    return PersonForm.blank(request, **profile)


def _person_page(
    request: Request,
    person: ListedUser,
    status: int = 200,
    *,
    form: PersonForm,
    password_form: SetPasswordForm | None = None,
) -> HTTPResponse:
    return section.show(
        request,
        "person",
        status,
        person=person,
        form=form,
        password_form=password_form or SetPasswordForm.blank(request),
    )
