"""What the manager has that matters to us: our own documents, and whatever is bound to our parents.

A few searches, however many VLANs there are.  An index may lag, so nothing is written or deleted on its word alone.
"""

from __future__ import annotations

import asyncio

from trunkline.adapters.nsx import Nsx, escaped
from trunkline.controller.segments import documents
from trunkline.controller.segments.documents import Document, Shape
from trunkline.controller.segments.plan import Observed


async def observe(nsx: Nsx, shape: Shape) -> Observed:
    """The documents.

    Raises:
        RemoteError: the manager did not answer, or refused.
    """
    queries = [_ours(shape, kind) for kind in (documents.SEGMENT, documents.BINDING)]
    queries += [f"resource_type:{documents.BINDING} AND segment_path:{escaped(parent)}" for parent in shape.parents]
    project = shape.root.removesuffix("/infra")
    # One alone first: wrong credentials are refused once in a round, because a manager counts them and locks the user out.
    first = await nsx.search(queries[0], root=project)
    answers = [first, *await asyncio.gather(*(nsx.search(query, root=project) for query in queries[1:]))]
    found: dict[str, Document] = {str(each["path"]): each for answer in answers for each in answer if _there(each)}
    return Observed(tuple(found.values()))


async def bound(nsx: Nsx, shape: Shape) -> set[str]:
    """The parents that bindings of ours point at.

    Raises:
        RemoteError: the manager did not answer, or refused.
    """
    answer = await nsx.search(_ours(shape, documents.BINDING), root=shape.root.removesuffix("/infra"))
    return {str(each["segment_path"]) for each in answer if _there(each) and shape.owns(each)}


def _ours(shape: Shape, kind: str) -> str:
    tags = f"tags.scope:{escaped(documents.CLUSTER)} AND tags.tag:{escaped(shape.cluster)}"
    return f"resource_type:{kind} AND {tags}"


def _there(document: Document) -> bool:
    """Whether it is more than a trace: searches find what is deleted and not yet purged, too."""
    return bool(document.get("path")) and not document.get("marked_for_delete")
