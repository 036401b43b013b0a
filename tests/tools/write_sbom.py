"""Writes the list of components of a release (SBOM) in CycloneDX format: `make release`.

It lists the blog, the locked packages with their hashes, and data of others in our own package.
"""

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from blog import __version__
from tests.support.source_tree import ROOT

RUNTIME, DEVELOPMENT = ROOT / "requirements.lock", ROOT / "requirements-dev.lock"
# Folders with data that is generated from a package under the MIT licence -> that package.
EMBEDDED = {"blog/markup/readings": "pypinyin"}


def sbom() -> str:
    """Return the list as JSON. Raises `ValueError` if it does not follow the schema."""
    document = locked_packages()
    blog = document["metadata"]["component"]
    blog |= {"version": __version__, "purl": f"pkg:pypi/{blog['name']}@{__version__}"}
    document["components"] += [embedded_data(*pair) for pair in EMBEDDED.items()]
    # Only what the blog needs directly: a package without an entry has unknown dependencies.
    direct = declared() | set(EMBEDDED.values())
    needed = [part["bom-ref"] for part in document["components"] if part["name"] in direct]
    document["dependencies"] = [{"ref": blog["bom-ref"], "dependsOn": sorted(needed)}]
    text = json.dumps(document, indent=2) + "\n"
    validate(text)
    return text


def validate(text: str) -> None:
    """Raise `ValueError` if the list does not follow the schema of CycloneDX 1.6."""
    # Loading the validator takes seconds, which each process that collects the tests would wait.
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise ValueError(error)


def locked_packages() -> dict[str, Any]:
    """Return a document with the locked packages, and the blog without its version."""
    command = [sys.executable, "-m", "cyclonedx_py", "requirements", "--spec-version", "1.6"]
    command += ["--pyproject", str(ROOT / "pyproject.toml"), "--output-reproducible", str(RUNTIME)]
    output = subprocess.run(command, capture_output=True, check=True).stdout
    return dict(json.loads(output))


def embedded_data(folder: str, package: str) -> dict[str, Any]:
    """Return the component for data in our package that is generated from another package."""
    lines = DEVELOPMENT.read_text().splitlines()
    pin = next(line for line in lines if line.startswith(f"{package}=="))
    version = pin.partition("==")[2].split()[0]
    licence = (ROOT / folder / "LICENSE").read_text()
    return {
        "bom-ref": f"data:{folder}",
        "type": "data",
        "name": package,
        "version": version,
        "purl": f"pkg:pypi/{package}@{version}",
        "description": f"Tables in {folder}, generated from this package",
        "licenses": [{"license": {"id": "MIT", "text": {"content": licence}}}],
    }


def declared() -> set[str]:
    """Return the names of the packages that the blog needs directly."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {canonicalize_name(Requirement(line).name) for line in project["dependencies"]}


def main(folder: str) -> None:
    text = sbom()
    name = json.loads(text)["metadata"]["component"]["name"]
    path = Path(folder, f"{name}-{__version__}.cdx.json")
    path.write_text(text)
    print(path)


if __name__ == "__main__":
    main(sys.argv[1])
