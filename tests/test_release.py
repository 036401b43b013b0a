"""The list of components (SBOM) of a release."""

import json
import re
import subprocess

import pytest

from blog import __version__
from tests.support.paths import ROOT
from tests.tools import write_sbom

pytestmark = pytest.mark.slow  # the validator takes several seconds to load


@pytest.fixture(scope="module")
def text() -> str:
    return write_sbom.sbom()


@pytest.fixture(scope="module")
def document(text: str) -> dict:
    return json.loads(text)


def test_the_list_is_valid_cyclonedx(text):
    write_sbom.validate(text)


def test_the_list_describes_this_version_of_the_blog(document):
    blog = document["metadata"]["component"]
    assert (blog["name"], blog["version"]) == ("inkhouse", __version__)
    assert blog["purl"] == f"pkg:pypi/inkhouse@{__version__}"


def test_the_list_contains_every_locked_package_with_its_hashes(document):
    lock = ROOT.joinpath("requirements.lock").read_text()
    locked = dict(re.findall(r"(?m)^([\w.-]+)(?:\[.*\])?==([^ ;\\]+)", lock))
    assert "sanic" in locked
    packages = [part for part in document["components"] if part["type"] == "library"]
    assert {part["name"]: part["version"] for part in packages} == locked
    assert all(reference["hashes"] for part in packages for reference in part["externalReferences"])


def test_the_list_contains_the_data_of_others_in_our_package(document):
    """A folder with its own licence in the package holds work of others."""
    folders = {path.parent.relative_to(ROOT).as_posix() for path in ROOT.glob("blog/**/LICENSE")}
    listed = [part for part in document["components"] if part["type"] == "data"]
    assert {part["bom-ref"] for part in listed} == {f"data:{folder}" for folder in folders}
    assert all(part["licenses"] and part["version"] for part in listed)


def test_the_list_names_the_direct_dependencies(document):
    [dependency] = document["dependencies"]
    parts = {part["bom-ref"]: part["name"] for part in document["components"]}
    assert {parts[reference] for reference in dependency["dependsOn"]} == (
        write_sbom.declared() | {"pypinyin"}
    )


def test_make_release_builds_checks_and_lists():
    command = ["make", "--dry-run", "release"]
    steps = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    order = [
        steps.index(step) for step in ("hatchling build", "twine check --strict", "write_sbom")
    ]
    assert order == sorted(order)
