"""An author's profile, password, sessions and pictures, through the test client."""

import json
from io import BytesIO

import pytest
from PIL import Image

from blog import media
from tests.support import cast
from tests.support.dashboard_client import Writer, told_after

JSON = (*cast.OURS.items(), ("accept", "application/json"))
BOUNDARY = "a-boundary-of-the-tests"
NEW = "nine loud parakeets"


# --- pictures ---


def photograph(format: str = "JPEG", size: tuple[int, int] = (1200, 800)) -> bytes:
    """A picture whose metadata says where it was taken."""
    exif = Image.Exif()
    exif[0x010E] = "SECRETPLACE"
    exif[0x8825] = {1: "N", 2: (48.0, 8.0, 14.0)}
    file = BytesIO()
    Image.new("RGB", size, "teal").save(file, format, exif=exif)
    return file.getvalue()


def send(writer: Writer, raw: bytes, name: str = "a%20red%20kite.jpg"):
    headers = (*JSON, ("content-type", "application/octet-stream"))
    address = f"/control-panel/pictures?name={name}"
    return writer.client.ask("POST", address, cookies=writer.cookies, headers=headers, body=raw)


def multipart(writer: Writer, address: str, fields: dict[str, str], raw: bytes, name: str):
    """A form with a file, as a browser without scripts sends it."""
    lines = b""
    for key, value in fields.items():
        lines += (
            f"--{BOUNDARY}\r\ncontent-disposition: form-data; "
            f'name="{key}"\r\n\r\n{value}\r\n'.encode()
        )
    lines += (
        f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="picture"; filename="{name}"\r\n'
        "content-type: image/jpeg\r\n\r\n"
    ).encode()
    body = lines + raw + f"\r\n--{BOUNDARY}--\r\n".encode()
    headers = (
        *cast.OURS.items(),
        ("content-type", f"multipart/form-data; boundary={BOUNDARY}"),
    )
    return writer.client.ask("POST", address, cookies=writer.cookies, headers=headers, body=body)


def test_an_upload_returns_markdown_and_its_metadata_is_removed(ann):
    raw = photograph()
    assert b"SECRETPLACE" in raw
    answer = send(ann, raw)
    assert answer.status == 200
    uploaded = json.loads(answer.text)
    assert uploaded["markdown"] == f"![a red kite]({uploaded['address']})"
    served = ann.client.get(uploaded["address"])
    assert served.status == 200
    assert b"SECRETPLACE" not in served.body
    assert Image.open(BytesIO(served.body)).getexif() == {}


def test_a_camera_file_name_is_not_used_as_the_description(ann):
    assert json.loads(send(ann, photograph(), "IMG_2034.jpg").text)["markdown"].startswith("![](")


def test_uploading_the_same_picture_twice_stores_it_once(ann):
    first, second = send(ann, photograph()), send(ann, photograph(), "other.jpg")
    assert json.loads(first.text)["address"] == json.loads(second.text)["address"]


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.mark.parametrize("raw", [SVG, b"GIF89a no more", b"<html>", b"\xff\xd8\xff cut"])
def test_a_file_that_is_not_a_picture_is_refused_with_an_error(ann, raw):
    stored = set(ann.client.config.media_dir.rglob("*"))
    answer = send(ann, raw, "x.jpg")
    assert answer.status == 422
    assert json.loads(answer.text)["faults"]["picture"]
    assert set(ann.client.config.media_dir.rglob("*")) == stored


def test_an_empty_upload_asks_for_a_picture(ann):
    answer = ann.post("/control-panel/pictures")
    assert answer.status == 422
    assert "Choose a picture first." in answer.text


def test_a_picture_over_the_limit_is_refused_as_too_large(ann):
    answer = send(ann, b"\xff\xd8\xff" + bytes(ann.client.config.max_upload))
    assert answer.status == 413


def test_without_scripts_a_picture_is_appended_to_the_text_and_the_form_is_saved(ann):
    id = ann.client.cast.ann_draft.id
    fields = {**ann.sheet(id), "body": "Look:", "into": "text"}
    fields["authors"] = fields["authors"][0]
    address = f"/control-panel/posts/{id}/pictures"
    assert multipart(ann, address, fields, photograph(), "red kite.jpg").status == 303
    body = ann.row(id).body
    assert body.startswith("Look:\n\n![red kite](/media/")
    preview = ann.client.get(ann.press("preview", id).header("location")).text
    assert 'alt="red kite"' in preview


def test_without_scripts_a_picture_becomes_the_cover(ann):
    id = ann.client.cast.ann_draft.id
    fields = {**ann.sheet(id), "into": "cover"}
    fields["authors"] = fields["authors"][0]
    address = f"/control-panel/posts/{id}/pictures"
    assert multipart(ann, address, fields, photograph(), "x.jpg").status == 303
    assert ann.row(id).cover.startswith(media.ADDRESS)


def test_a_refused_picture_shows_an_error_and_keeps_the_form(ann):
    id = ann.client.cast.ann_draft.id
    fields = {**ann.sheet(id), "body": "Not lost", "into": "text"}
    fields["authors"] = fields["authors"][0]
    answer = multipart(ann, f"/control-panel/posts/{id}/pictures", fields, SVG, "x.svg")
    assert answer.status == 422
    assert "Not lost" in answer.text
    assert 'id="f-picture-fault"' in answer.text


def test_published_pictures_have_their_width_and_height(ann):
    markdown = json.loads(send(ann, photograph(size=(640, 480))).text)["markdown"]
    id = ann.new()
    ann.press("publish", id, title="A kite", body=markdown)
    page = ann.client.get("/posts/a-kite").text
    assert 'width="640"' in page
    assert 'height="480"' in page


def test_the_pictures_page_shows_only_ones_own_pictures(ann):
    send(ann, photograph())
    assert "a red kite" in ann.get("/control-panel/pictures").text
    assert "a red kite" not in Writer(ann.client, "bob").get("/control-panel/pictures").text
    assert ann.get("/control-panel/pictures?page=2").status == 404


# --- profile ---

PROFILE = {"display_name": "Ann A.", "email": "ann@ink.example", "bio": "Writes.", "language": ""}


def test_a_new_display_name_is_shown_on_the_posts(ann):
    assert ann.post("/control-panel/profile", PROFILE).status == 303
    assert "Ann A." in ann.client.get(ann.client.cast.ann_live.path).text


def test_changing_the_email_address_needs_the_current_password(ann):
    wanted = {**PROFILE, "email": "new@ink.example"}
    refused = ann.post("/control-panel/profile", {**wanted, "password": "guessed"})
    assert refused.status == 422
    assert 'id="f-password-fault"' in refused.text
    accepted = ann.post("/control-panel/profile", {**wanted, "password": cast.PASSWORD})
    assert accepted.status == 303


@pytest.mark.parametrize(
    ("name", "value"), [("display_name", " "), ("email", "nowhere"), ("language", "tlh")]
)
def test_an_error_in_the_profile_is_shown_beside_its_field(ann, name, value):
    form = {**PROFILE, "password": cast.PASSWORD, name: value}
    answer = ann.post("/control-panel/profile", form)
    assert answer.status == 422
    assert f'id="f-{name}-fault"' in answer.text


# --- password and browsers ---


def change(writer: Writer, **given: str):
    form = {"old": cast.PASSWORD, "password": NEW, "again": NEW, **given}
    return writer.post("/control-panel/password", form)


def test_a_new_password_signs_out_only_the_other_browsers(ann):
    other = Writer(ann.client, "ann")
    answer = change(ann)
    assert answer.status == 303
    assert ann.get("/control-panel").status == 200
    assert other.get("/control-panel").status == 303
    signed_in = ann.client.post("/sign-in", {"login": "ann", "password": NEW})
    assert signed_in.status == 303


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("old", {"old": "not this one"}),
        ("again", {"again": "another one"}),
        ("password", {"password": "short", "again": "short"}),
    ],
)
def test_an_error_in_a_password_is_shown_beside_its_field_without_the_password(ann, name, given):
    answer = change(ann, **given)
    assert answer.status == 422
    assert f'id="f-{name}-fault"' in answer.text
    assert NEW not in answer.text
    assert cast.PASSWORD not in answer.text


def test_one_browser_or_all_other_browsers_can_be_signed_out(ann):
    second, third = Writer(ann.client, "ann"), Writer(ann.client, "ann")
    page = ann.get("/control-panel/sign-ins").text
    numbers = sorted({int(n) for n in _numbers(page)})
    assert len(numbers) == 2, "this browser must not have a button"
    answer = ann.post(f"/control-panel/sign-ins/{numbers[0]}/revoke")
    assert "signed out" in told_after(ann, answer)
    assert second.get("/control-panel").status == 303
    assert third.get("/control-panel").status == 200
    ann.post("/control-panel/sign-ins/revoke-others")
    assert third.get("/control-panel").status == 303
    assert ann.get("/control-panel").status == 200


def _numbers(page: str) -> list[str]:
    return [
        part.partition("/")[0] for part in page.split("/sign-ins/")[1:] if "/revoke" in part[:12]
    ]


def test_the_session_of_another_person_cannot_be_revoked(ann):
    bob = Writer(ann.client, "bob")
    for number in range(1, 6):
        ann.post(f"/control-panel/sign-ins/{number}/revoke")
    assert bob.get("/control-panel").status == 200
