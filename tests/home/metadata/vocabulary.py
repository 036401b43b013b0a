"""The vocabulary of schema.org, and a check of JSON-LD against it.

It is schema.org's own file, release 12.0: tests/data/schemaorg-current-https.jsonld.gz. The check
knows as much JSON-LD as the blog uses: one context, and nested objects without other contexts.
"""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[2] / "data" / "schemaorg-current-https.jsonld.gz"
CONTEXT = "https://schema.org"
KEYWORDS = {"@context", "@id", "@type"}
# The types of JSON values that stand for schema.org's types of plain values.
PLAIN = {"Text": str, "URL": str, "Date": str, "DateTime": str, "Integer": int, "Number": int}


class Vocabulary:
    """The types and properties of schema.org, by name without a prefix."""

    def __init__(self) -> None:
        graph = json.loads(gzip.decompress(FILE.read_bytes()))["@graph"]
        self.terms = {term["@id"].removeprefix("schema:"): term for term in graph}

    def names(self, term: str, relation: str) -> set[str]:
        """Return the terms that a term refers to, such as its super-types."""
        values = self.terms[term].get(relation, [])
        values = values if isinstance(values, list) else [values]
        return {value["@id"].removeprefix("schema:") for value in values}

    def with_supertypes(self, type: str) -> set[str]:
        """Return a type and all types that it is a kind of."""
        if type not in self.terms:  # of another vocabulary, such as rdfs:Class
            return set()
        parents = (self.with_supertypes(each) for each in self.names(type, "rdfs:subClassOf"))
        return {type}.union(*parents)

    def faults(self, description: dict[str, Any]) -> list[str]:
        """Return what is wrong with a JSON-LD object."""
        if description.get("@context") != CONTEXT:
            return ["the context is not schema.org"]
        return list(self._faults_of(description))

    def _faults_of(self, thing: dict[str, Any]) -> Iterator[str]:
        type = thing.get("@type", "")
        if not self.with_supertypes(type):
            yield f"there is no type {type!r}"
            return
        for name in thing.keys() - KEYWORDS:
            if name not in self.terms:
                yield f"there is no property {name!r}"
            elif not self.names(name, "schema:domainIncludes") & self.with_supertypes(type):
                yield f"a {type} has no {name}"
            else:
                values = thing[name] if isinstance(thing[name], list) else [thing[name]]
                for value in values:
                    yield from self._faults_of_value(name, value)

    def _faults_of_value(self, name: str, value: Any) -> Iterator[str]:
        expected = self.names(name, "schema:rangeIncludes")
        if isinstance(value, dict):
            if not expected & self.with_supertypes(value.get("@type", "")):
                yield f"{name} is no {value.get('@type')}"
            yield from self._faults_of(value)
        elif not any(type(value) is PLAIN.get(each) for each in expected) and not (
            isinstance(value, str) and value.startswith(("http://", "https://"))
        ):  # any thing may be given as its address
            yield f"{name} is not {value!r}"
