"""Which resources are served at this moment: the built-in table and whatever definitions stand in the store."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from trunkline.standin.apiserver import resources, statuses, storage
from trunkline.standin.apiserver.custom import definitions
from trunkline.standin.apiserver.objects import Json
from trunkline.standin.apiserver.resources import Resource

Key = tuple[str, str, str]
"""Group, version, plural."""

_DEFINITIONS = "customresourcedefinitions"


def _builtin() -> dict[Key, Resource]:
    found = {}
    for row in resources.BUILTIN:
        # The table cannot name these rules itself: definitions are made of resources.
        resource = msgspec.structs.replace(row, rules=definitions.RULES) if row.plural == _DEFINITIONS else row
        found[resource.group, resource.version, resource.plural] = resource
    return found


class Registry:
    """The served resources; recomputed from the store whenever a definition changed."""

    def __init__(self, objects: storage.Objects) -> None:
        self._objects = objects
        self._builtin = _builtin()
        self._resources = dict(self._builtin)
        self._looked_at = -1
        self._seen: tuple[tuple[str, int], ...] = ()
        self._definitions: dict[str, Json] = {}

    def find(self, group: str, version: str, plural: str) -> Resource:
        """The resource under these names.

        Raises:
            StatusError: 404, as for any URL that leads nowhere.
        """
        found = self._current().get((group, version, plural))
        if found is None:
            raise statuses.no_such_path()
        return found

    def all(self) -> Iterator[Resource]:
        """Every resource in every served version, the built-in ones first."""
        return iter(self._current().values())

    def stored(self) -> Iterator[Resource]:
        """One resource per place in the store: the one whose version is kept."""
        for resource in self.all():
            if resource.stored is None or resource.stored == (resource.group, resource.plural, resource.version):
                yield resource

    def at_path(self, path: str) -> Resource | None:
        """The resource whose objects lie at a store path."""
        return next((resource for resource in self.stored() if path.startswith(resource.directory)), None)

    def siblings(self, resource: Resource) -> list[Resource]:
        """The same resource in all its served versions."""
        return [each for each in self.all() if (each.group, each.plural) == (resource.group, resource.plural)]

    def definition(self, resource: Resource) -> Json:
        """The definition behind a custom resource."""
        self._current()
        return self._definitions[resource.custom]

    def _current(self) -> dict[Key, Resource]:
        if self._looked_at != self._objects.revision:
            self._looked_at = self._objects.revision
            found = list(self._objects.list(definitions.DIRECTORY))
            seen = tuple((each.path, each.revision) for each in found)
            if seen != self._seen:
                self._seen = seen
                self._rebuild([each.obj for each in found])
        return self._resources

    def _rebuild(self, found: list[Json]) -> None:
        self._definitions = {definition["metadata"]["name"]: definition for definition in found}
        custom = {
            (resource.group, resource.version, resource.plural): resource
            for definition in found
            for resource in definitions.served(definition)
        }
        self._resources = {**custom, **self._builtin}
