"""Changes in the admin area apply at once to all four workers of a real server."""

import asyncio
from collections.abc import Mapping

import aiohttp
import pytest

from blog.models.users import invitation, login_throttle, user
from blog.models.users.user import User
from tests.support import cast
from tests.support.live_server import Site

pytestmark = pytest.mark.server
Clients = Mapping[str, aiohttp.ClientSession]


def somebody(site: Site, name: str) -> User:
    """Add a person for one test, because other tests use the same site."""
    data = {"display_name": name, "email": "", "role": "author", "password_hash": cast.HASHED}
    return site.database.transact_now(user.create_user, name=name, **data)


async def send(client: aiohttp.ClientSession, path: str, token: str = "", **form: str) -> int:
    headers = {**cast.OURS, "Cookie": f"session={token}"}
    async with client.post(path, data=form, headers=headers, allow_redirects=False) as answer:
        return answer.status


async def seen(clients: Clients, path: str, token: str) -> list[int]:
    """Return the status of each worker for a session."""
    statuses = []
    for client in clients.values():
        headers = {"Cookie": f"session={token}"}
        async with client.get(path, headers=headers, allow_redirects=False) as answer:
            statuses.append(answer.status)
    return statuses


async def test_a_disabled_account_is_signed_out_on_all_workers(site):
    person = somebody(site, "shut-out")
    theirs = cast.sign_in(site.database, person)["session"]
    kims = cast.sign_in(site.database, site.cast.kim)["session"]
    async with site.held() as clients:
        assert await seen(clients, "/control-panel", theirs) == [200] * 4
        worker = next(iter(clients.values()))
        assert await send(worker, f"/admin/people/{person.id}/disable", kims) == 303
        assert await seen(clients, "/control-panel", theirs) == [303] * 4


async def test_login_attempts_are_counted_across_workers(site):
    somebody(site, "sought")
    async with site.held() as clients:
        workers = list(clients.values())
        tries = [
            await send(workers[number % 4], "/sign-in", login="sought", password="a wrong guess")
            for number in range(login_throttle.LIMITS["login"])
        ]
        last = [
            await send(worker, "/sign-in", login="sought", password=cast.PASSWORD)
            for worker in workers
        ]
        assert tries == [422] * 10 and last == [429] * 4


async def test_a_changed_role_requires_signing_in_again_on_all_workers(site):
    person = somebody(site, "promoted")
    theirs = cast.sign_in(site.database, person)["session"]
    kims = cast.sign_in(site.database, site.cast.kim)["session"]
    async with site.held() as clients:
        assert await seen(clients, "/control-panel", theirs) == [200] * 4
        worker = next(iter(clients.values()))
        data = {"display_name": "Promoted", "email": "", "role": "editor"}
        assert await send(worker, f"/admin/people/{person.id}", kims, **data) == 303
        assert await seen(clients, "/control-panel", theirs) == [303] * 4
        theirs = cast.sign_in(site.database, person)["session"]
        assert await seen(clients, "/admin", theirs) == [200] * 4


async def test_only_one_of_many_concurrent_acceptances_of_an_invitation_succeeds(site):
    kim = site.cast.kim
    path = site.database.transact_now(invitation.invite, role="author", by=kim)
    async with site.held() as clients:
        workers = list(clients.values())
        data = {"display_name": "Zoë", "email": "", "password": "four green windows"}
        tries = [
            send(workers[number % 4], path, name=f"zoe-{number}", **data) for number in range(8)
        ]
        statuses = await asyncio.gather(*tries)
    assert sorted(statuses) == [303, *[404] * 7]
