"""Passwords that are easy to guess are refused, and original or random ones are accepted."""

import random
import string

import pytest

from blog.models.base import Refusal
from blog.models.settings import site
from blog.models.users import user
from tests.admin.test_people import NEW
from tests.support import cast

# The names of the user and of the site.
ABOUT = ("ann", "Ann Archer", "ann@ink.example", "张三", "青花瓷 Blog")
KEYBOARD = ("1234567890", "9876543210", "qwertyuiop", "1q2w3e4r5t", "abcdefghij", "zxcvbnm,./123")
REPEATED = ("1111111111", "ababababab", "abcde12345abcde12345", "ink.ink.ink.")
WORDS = (
    "Password123!",
    "P@ssw0rd2026!",
    "we1come2026",
    "Summer2026!!",
    "iloveyou520520",
    "letmein1990",
)
CHINESE = (
    "woaini1314520",
    "Woaini1314!!",
    "wodemima123",
    "我爱你一生一世1314",
    "５２０１３１４５２０",
)
NUMBERS = ("13812345678", "1990-01-01-08", "20260101888")
NAMES = (
    "ann archer 2026",
    "zhangsan19900101",
    "qinghuaci888",
    "archer@ink.example",
    "青花瓷青花瓷2026",
)


@pytest.mark.parametrize("password", [*KEYBOARD, *REPEATED, *WORDS, *CHINESE, *NUMBERS, *NAMES])
def test_an_easily_guessed_password_is_refused(password):
    with pytest.raises(Refusal, match="easy to guess"):
        user.check_password(password, about=ABOUT)


@pytest.mark.parametrize(
    "password",
    [
        *("seven quiet herons", "correct horse battery staple", "my dog loves cheese"),
        *("青花瓷与异步的故事啊哈", "zV9$kLq2#m", "93847 58210 47261 99382"),
        *("zhangsan likes herons", "4f1c7b02e9d85a36"),
    ],
)
def test_an_original_password_is_accepted(password):
    user.check_password(password, about=ABOUT)


@pytest.mark.parametrize("letters", [string.ascii_letters + string.digits, string.printable[:94]])
def test_a_random_password_is_accepted(letters):
    generator = random.Random(1)  # noqa: S311 -- repeatable test data, not a secret
    for _ in range(500):
        user.check_password("".join(generator.choices(letters, k=14)), about=ABOUT)


def test_the_dashboard_refuses_the_sites_title_as_a_password(client):
    title = f"{client.database.read_now(site.facts).title}2026!!"
    form = {"old": cast.PASSWORD, "password": title, "again": title}
    response = client.post("/control-panel/password", form, cookies=client.let_in("ann"))
    assert response.status == 422 and "too easy to guess" in response.text


def test_a_new_users_display_name_is_refused_as_their_password(client):
    form = NEW | {"display_name": "Zoë Zimmermann", "password": "zimmermann2026"}
    response = client.post("/admin/people/new", form, cookies=client.let_in("kim"))
    assert response.status == 422 and 'id="f-password-fault"' in response.text
