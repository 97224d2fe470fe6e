"""Kubernetes objects over the document store: read from memory, written with compare-and-swap, encoded once.

Invariants: a document's body is the object in some served version without `metadata.resourceVersion`; the resource
version that clients see is the revision of the store.  What `Stored` hands out is shared by all readers and must not be
changed; writers take `objects.copy`.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from trunkline.adapters import store as documents
from trunkline.standin.apiserver.objects import Json


class Form:
    """One object at one revision in one API version; its bytes are made on first use and kept."""

    __slots__ = ("_raw", "obj")

    def __init__(self, obj: Json) -> None:
        self.obj = obj
        self._raw: bytes | None = None

    @property
    def raw(self) -> bytes:
        """The object as JSON."""
        if self._raw is None:
            self._raw = msgspec.json.encode(self.obj)
        return self._raw


class Stored:
    """One object at one revision: the form that is kept, and other versions once somebody asked for them."""

    __slots__ = ("forms", "obj", "path", "revision")

    def __init__(self, path: str, revision: int, obj: Json) -> None:
        obj["metadata"] = {**obj["metadata"], "resourceVersion": str(revision)}
        self.path = path
        self.revision = revision
        self.obj = obj
        self.forms: dict[str, Form] = {obj["apiVersion"]: Form(obj)}

    def at(self, revision: int) -> Stored:
        """The same state under another revision; how a deletion reports what was there."""
        return Stored(self.path, revision, dict(self.obj))


class Objects:
    """The objects of the whole server."""

    def __init__(self, store: documents.Store) -> None:
        self._store = store
        self._decoded: dict[str, Stored] = {}

    @property
    def revision(self) -> int:
        """The revision up to which reads see every change."""
        return self._store.revision

    def get(self, path: str) -> Stored | None:
        """The object at `path`."""
        document = self._store.get(path)
        return None if document is None else self.read(document)

    def list(self, prefix: str) -> Iterator[Stored]:
        """The objects below `prefix`, by path."""
        return map(self.read, self._store.list(prefix))

    def read(self, document: documents.Document) -> Stored:
        """The object in a document, decoded once per revision."""
        known = self._decoded.get(document.path)
        if known is not None and known.revision == document.revision:
            return known
        found = Stored(document.path, document.revision, msgspec.json.decode(document.body))
        return self._remember(found)

    def _remember(self, found: Stored) -> Stored:
        """The one `Stored` of this revision that all share: who comes first, the writer or a reader of the change, makes it."""
        known = self._decoded.get(found.path)
        if known is None or known.revision < found.revision:
            self._decoded[found.path] = found
            return found
        return known if known.revision == found.revision else found

    def forget(self, path: str) -> None:
        """Drop what is remembered of a deleted object."""
        self._decoded.pop(path, None)

    async def create(self, path: str, obj: Json) -> Stored:
        """Keep a new object.

        Raises:
            documents.Conflict: the path is taken.
        """
        return await self._put(path, obj, expect=0)

    async def replace(self, old: Stored, obj: Json) -> Stored:
        """Keep `obj` in the place of `old`.

        Raises:
            documents.Conflict: the object is no longer the one that `old` was.
        """
        return await self._put(old.path, obj, expect=old.revision)

    async def remove(self, old: Stored) -> int:
        """Forget the object; answers the revision of its deletion.

        Raises:
            documents.Conflict: the object is no longer the one that `old` was.
        """
        return await self._store.commit(documents.Delete(old.path, old.revision))

    async def _put(self, path: str, obj: Json, *, expect: int) -> Stored:
        metadata = {key: value for key, value in obj["metadata"].items() if key != "resourceVersion"}
        kept = {**obj, "metadata": metadata}
        revision = await self._store.commit(documents.Put(path, obj["kind"], msgspec.json.encode(kept), expect))
        return self._remember(Stored(path, revision, kept))
