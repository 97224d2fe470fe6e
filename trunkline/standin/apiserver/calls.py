"""One API request, understood: which resource, which object, which verb, in which form, with which options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from trunkline.standin.apiserver import objects, selectors, statuses, users
from trunkline.standin.apiserver.objects import Json
from trunkline.standin.apiserver.protobuf import decode as protobuf
from trunkline.standin.apiserver.registry import Registry
from trunkline.standin.apiserver.resources import Resource

MAX_BODY_BYTES = 3 * 1024 * 1024
"""The Kubernetes API server's limit for one request."""

MAX_DEPTH = 100
"""Chosen: three times the depth of the deepest definition seen; far below what would exhaust a stack."""

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
PATCHES = (JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH)


class Call(msgspec.Struct, kw_only=True):
    """One request to one resource; `warnings` grows while it is handled and travels back in headers."""

    user: users.User
    resource: Resource
    verb: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    query: Mapping[str, str] = {}
    form: str = "json"
    content_type: str = JSON
    body: bytes = b""
    warnings: list[str] = []

    @property
    def is_dry_run(self) -> bool:
        """Whether everything but the write is wanted.

        Raises:
            StatusError: 400 for another value than "All".
        """
        value = self.query.get("dryRun", "")
        if value not in ("", "All"):
            raise statuses.bad_request(f'dryRun: Unsupported value: "{value}": supported values: "All"')
        return value == "All"

    @property
    def path(self) -> str:
        """The store path of the object."""
        return self.resource.path(self.namespace, self.name)

    def flag(self, name: str) -> bool:
        """A boolean query parameter; present without a value means true."""
        return self.query.get(name, "false").lower() in ("", "1", "true")

    def number(self, name: str) -> int | None:
        """A whole-number query parameter, None when absent or empty.

        Raises:
            StatusError: 400 for text that is no number.
        """
        text = self.query.get(name, "")
        if not text:
            return None
        try:
            return int(text)
        except ValueError:
            raise statuses.bad_request(f"invalid value for {name}: {text!r}") from None

    def selection(self) -> selectors.Selection:
        """The request's label and field selectors; a URL that names an object selects it."""
        terms = selectors.parse_fields(self.query.get("fieldSelector", ""), self.resource.fields)
        if self.name:
            terms = (*terms, selectors.FieldTerm("metadata.name", True, self.name))
        labels = selectors.parse_labels(self.query.get("labelSelector", ""))
        return selectors.Selection(labels, terms, self.resource.fields)

    def json(self) -> Any:
        """The body as JSON, also when it came as Kubernetes protobuf.

        Raises:
            StatusError: 400 when it is neither or nests too deep.
        """
        if self.content_type != protobuf.MEDIA_TYPE:
            return decode(self.body)
        try:
            return protobuf.decode(self.body)
        except (protobuf.ProtobufError, RecursionError) as error:
            raise statuses.bad_request(f"the request body is no Kubernetes protobuf: {error}") from error

    def object(self) -> Json:
        """The body as one object of this resource, in its own version.

        Raises:
            StatusError: 400 for another shape, kind or version; 415 for another form than JSON.
        """
        if self.content_type not in ("", JSON, protobuf.MEDIA_TYPE):
            raise statuses.unsupported_media_type([JSON, protobuf.MEDIA_TYPE])
        found = self.json()
        if not isinstance(found, dict):
            raise statuses.bad_request("the body of the request is not an object")
        return found

    def refusal(self, error: Exception) -> statuses.StatusError:
        """400: the body cannot be an object of this kind, because of `error`."""
        kind, version = self.resource.kind, self.resource.version
        return statuses.bad_request(f'{kind} in version "{version}" cannot be handled as a {kind}: {error}')


def decode(body: bytes) -> Any:
    """JSON bytes into values.

    Raises:
        StatusError: 400 when they are no JSON or nest too deep.
    """
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise statuses.bad_request(f"the request body is no JSON: {error}") from error
    if objects.depth_exceeds(value, MAX_DEPTH):
        raise statuses.bad_request(f"the request body nests deeper than {MAX_DEPTH} levels")
    return value


_COLLECTION = {"GET": "list", "POST": "create", "DELETE": "deletecollection"}
_OBJECT = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete", "POST": "create"}


class Target(msgspec.Struct, frozen=True):
    """What a URL path names."""

    resource: Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""


def target(path: str, registry: Registry) -> Target:
    """What "/apis/apps/v1/namespaces/shop/deployments/web/scale" names.

    Raises:
        StatusError: 404 when no resource is served there.
    """
    parts = path.strip("/").split("/")
    group, version, rest = _group_version(parts)
    namespace = ""
    if (
        len(rest) >= 2
        and rest[0] == "namespaces"
        and not (len(rest) == 2 or (group == "" and rest[2] in ("status", "finalize")))
    ):
        namespace, rest = rest[1], rest[2:]
    if not 1 <= len(rest) <= 3 or not all(rest):
        raise statuses.no_such_path()
    resource = registry.find(group, version, rest[0])
    if bool(namespace) > resource.namespaced or (len(rest) > 1 and resource.namespaced and not namespace):
        raise statuses.no_such_path()
    name, subresource = (*rest[1:], "", "")[:2]
    return Target(resource, namespace, name, subresource)


def _group_version(parts: list[str]) -> tuple[str, str, list[str]]:
    if parts[0] == "api" and len(parts) > 2:
        return "", parts[1], parts[2:]
    if parts[0] == "apis" and len(parts) > 3:
        return parts[1], parts[2], parts[3:]
    raise statuses.no_such_path()


def verb(method: str, found: Target, *, watching: bool) -> str:
    """The API verb of an HTTP method on this target.

    Raises:
        StatusError: 405 when there is none.
    """
    known = (_OBJECT if found.name else _COLLECTION).get(method)
    if known is None or (known == "create" and found.name and not found.subresource):
        raise statuses.method_not_allowed(found.resource.plural, found.resource.group)
    return "watch" if watching and known in ("get", "list") else known


def form(accept: str) -> str:
    """The form of answer that an Accept header prefers: json, table, partial or partials.

    Raises:
        StatusError: 406 when none of the forms it names is JSON.
    """
    for choice in accept.split(",") if accept.strip() else ["*/*"]:
        media, *parameters = (part.strip() for part in choice.split(";"))
        if media not in (JSON, "*/*", "application/*"):
            continue
        settings = dict(parameter.split("=", 1) for parameter in parameters if "=" in parameter)
        found = _FORMS.get((settings.get("as", ""), settings.get("v", "")))
        if found:
            return found
    raise statuses.not_acceptable()


_FORMS = {
    ("", ""): "json",
    ("Table", "v1"): "table",
    ("PartialObjectMetadata", "v1"): "partial",
    ("PartialObjectMetadataList", "v1"): "partials",
}
