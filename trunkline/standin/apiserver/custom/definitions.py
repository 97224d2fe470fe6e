"""A CustomResourceDefinition into resources, and everything a definition must be before it is accepted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from trunkline.kit import clock
from trunkline.standin.apiserver import causes, names, objects, resources
from trunkline.standin.apiserver.causes import Cause
from trunkline.standin.apiserver.kinds import rules
from trunkline.standin.apiserver.objects import Json
from trunkline.standin.apiserver.schema import constraints, structural
from trunkline.standin.apiserver.tables import ages, columns, jsonpath

DIRECTORY = "/registry/apiextensions.k8s.io/customresourcedefinitions/"

CLEANUP = "customresourcecleanup.apiextensions.k8s.io"
"""The finalizer that keeps a definition until the objects of its kind are deleted."""

_PROTECTED = (".k8s.io", ".kubernetes.io")


def served(definition: Json) -> Iterator[resources.Resource]:
    """One resource per served version of an established definition."""
    for version in objects.items(definition, "spec", "versions"):
        if version.get("served"):
            yield _resource(definition, version)


def storage_version(definition: Json) -> str:
    """The version in which objects are kept."""
    versions = objects.items(definition, "spec", "versions")
    return next((str(each.get("name")) for each in versions if each.get("storage")), "")


def _resource(definition: Json, version: Json) -> resources.Resource:
    spec, kinds = definition["spec"], definition["spec"]["names"]
    schema = objects.dig(version, "schema", "openAPIV3Schema")
    paths = [field.get("jsonPath", "").lstrip(".") for field in objects.items(version, "selectableFields")]
    return resources.Resource(
        group=spec["group"],
        version=version["name"],
        plural=kinds["plural"],
        kind=kinds["kind"],
        singular=kinds.get("singular", ""),
        short_names=tuple(kinds.get("shortNames") or ()),
        categories=tuple(kinds.get("categories") or ()),
        namespaced=spec.get("scope") != "Cluster",
        subresources=frozenset(objects.dig(version, "subresources", default={})),
        columns=_columns(objects.items(version, "additionalPrinterColumns")),
        schema=structural.rooted(schema) if isinstance(schema, dict) else None,
        fields=resources.readers(*paths),
        generation=True,
        stored=(spec["group"], kinds["plural"], storage_version(definition)),
        custom=definition["metadata"]["name"],
    )


def _columns(printed: list[Json]) -> tuple[columns.Column, ...]:
    if not printed:
        return columns.PLAIN
    return (columns.NAME, *(_column(each) for each in printed))


def _column(printed: Json) -> columns.Column:
    path, kind = printed.get("jsonPath", ""), printed.get("type", "string")

    def cell(obj: Json, now: datetime) -> Any:
        found = jsonpath.find(obj, path)
        if kind == "date":
            return ages.since(str(found[0]), now) if found else None
        return _shown(found)

    priority = int(printed.get("priority") or 0)
    return columns.Column(
        printed.get("name", ""), cell, kind, printed.get("format", ""), priority, printed.get("description", "")
    )


def _shown(found: list[Any]) -> Any:
    if not found:
        return None
    if len(found) == 1 and not isinstance(found[0], (dict, list)):
        return found[0]
    return causes.shown(found[0] if len(found) == 1 else found)


def scale_paths(definition: Json, version: str) -> Json:
    """The scale subresource's paths in one version."""
    for each in objects.items(definition, "spec", "versions"):
        if each.get("name") == version:
            return objects.dig(each, "subresources", "scale", default={})  # type: ignore[no-any-return]
    return {}


def _default(definition: Json) -> None:
    spec = definition.setdefault("spec", {})
    kinds = spec.setdefault("names", {})
    objects.setdefaults(spec, conversion={"strategy": "None"})
    if kinds.get("kind"):
        objects.setdefaults(kinds, singular=kinds["kind"].lower(), listKind=f"{kinds['kind']}List")


def _begin(definition: Json) -> None:
    definition["status"] = {}
    definition["metadata"].setdefault("finalizers", []).append(CLEANUP)
    _establish(definition)


def _carry(new: Json, old: Json) -> None:
    new["status"] = objects.copy(old.get("status") or {})
    _establish(new)


def _establish(definition: Json) -> None:
    """Names that pass validation are accepted at once: one server, so nothing can contradict it later."""
    status, spec = definition["status"], definition["spec"]
    status["acceptedNames"] = spec["names"]
    known = status.setdefault("storedVersions", [])
    if storage_version(definition) not in known:
        known.append(storage_version(definition))
    before = {each["type"]: each for each in objects.items(status, "conditions")}
    now = clock.rfc3339(clock.now())
    wanted = (
        ("NamesAccepted", "NoConflicts", "no conflicts found"),
        ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
    )
    status["conditions"] = [
        before.get(kind)
        or {"type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": now}
        for kind, reason, message in wanted
    ]


def _check(definition: Json) -> Iterator[Cause]:
    spec = definition["spec"]
    kinds, group = spec["names"], spec.get("group", "")
    name, expected = definition["metadata"].get("name"), f"{kinds.get('plural', '')}.{group}"
    yield from names.check_name(names.SUBDOMAIN, group, "spec.group")
    if group and "." not in group:
        yield causes.invalid("spec.group", group, "should be a domain with at least one dot")
    if group.endswith(_PROTECTED) and "api-approved.kubernetes.io" not in (
        definition["metadata"].get("annotations") or {}
    ):
        detail = 'protected groups must have approval annotation "api-approved.kubernetes.io"'
        yield causes.required("metadata.annotations[api-approved.kubernetes.io]", detail)
    for field in ("plural", "singular"):
        yield from names.check_name(names.SERVICE, kinds.get(field, ""), f"spec.names.{field}")
    if not kinds.get("kind"):
        yield causes.required("spec.names.kind")
    if name != expected:
        yield causes.invalid("metadata.name", name, 'must be spec.names.plural+"."+spec.group')
    if "scope" not in spec:
        yield causes.required("spec.scope")
    yield from rules.one_of(spec.get("scope"), ("Cluster", "Namespaced"), "spec.scope")
    yield from _check_versions(objects.items(spec, "versions"))
    yield from _check_conversion(spec["conversion"])


def _check_versions(versions: list[Json]) -> Iterator[Cause]:
    if not versions:
        yield causes.invalid("spec.versions", [], "must have at least one version")
        return
    if sum(bool(each.get("storage")) for each in versions) != 1:
        listed = [each.get("name", "") for each in versions]
        yield causes.invalid("spec.versions", listed, "must have exactly one version marked as storage version")
    for index, version in enumerate(versions):
        at = f"spec.versions[{index}]"
        yield from names.check_name(names.SERVICE, version.get("name", ""), f"{at}.name")
        if any(other.get("name") == version.get("name") for other in versions[:index]):
            yield causes.invalid(f"{at}.name", version.get("name"), "must be unique")
        schema = objects.dig(version, "schema", "openAPIV3Schema")
        if not isinstance(schema, dict):
            yield causes.required(f"{at}.schema.openAPIV3Schema", "schemas are required")
        else:
            yield from _check_schema(schema, f"{at}.schema.openAPIV3Schema")
        for number, column in enumerate(objects.items(version, "additionalPrinterColumns")):
            yield from _check_column(column, f"{at}.additionalPrinterColumns[{number}]")


def _check_schema(schema: Json, at: str, *, root: bool = True) -> Iterator[Cause]:
    if root and schema.get("type") != "object":
        yield causes.invalid(f"{at}.type", schema.get("type", ""), "must be object at the root")
    if "$ref" in schema:
        yield causes.forbidden(f"{at}.$ref", "$ref is not supported")
        return
    if "pattern" in schema:
        try:
            constraints.expression(schema["pattern"])
        except re.error as error:
            yield causes.invalid(
                f"{at}.pattern", schema["pattern"], f"must be a valid regular expression, but isn't: {error}"
            )
    if schema.get("properties") and isinstance(schema.get("additionalProperties"), dict):
        yield causes.forbidden(f"{at}.additionalProperties", "additionalProperties and properties are mutual exclusive")
    for name, child in (schema.get("properties") or {}).items():
        if not (root and name == "metadata"):
            yield from _check_schema(child, f"{at}.properties[{name}]", root=False)
    for key in ("items", "additionalProperties", "not"):
        if isinstance(child := schema.get(key), dict):
            yield from _check_schema(child, f"{at}.{key}", root=False)
    for key in ("allOf", "anyOf", "oneOf"):
        for index, child in enumerate(schema.get(key) or ()):
            yield from _check_schema(child, f"{at}.{key}[{index}]", root=False)


def _check_column(column: Json, at: str) -> Iterator[Cause]:
    for field in ("name", "type", "jsonPath"):
        if not column.get(field):
            yield causes.required(f"{at}.{field}")
    yield from rules.one_of(column.get("type"), ("boolean", "date", "integer", "number", "string"), f"{at}.type")
    try:
        jsonpath.parse(column.get("jsonPath", ""))
    except jsonpath.PathError as error:
        yield causes.invalid(f"{at}.jsonPath", column.get("jsonPath"), str(error))


def _check_conversion(conversion: Json) -> Iterator[Cause]:
    yield from rules.one_of(conversion.get("strategy"), ("None", "Webhook"), "spec.conversion.strategy")
    if conversion.get("strategy") == "Webhook":
        hook = conversion.get("webhook")
        if not isinstance(hook, dict):
            yield causes.required("spec.conversion.webhook", "required when strategy is set to Webhook")
        elif not hook.get("conversionReviewVersions"):
            yield causes.required("spec.conversion.webhook.conversionReviewVersions")


def _check_change(new: Json, old: Json) -> Iterator[Cause]:
    yield from rules.immutable(new["spec"].get("group"), old["spec"].get("group"), "spec.group")
    yield from rules.immutable(new["spec"].get("scope"), old["spec"].get("scope"), "spec.scope")
    for field in ("plural", "kind"):
        yield from rules.immutable(
            new["spec"]["names"].get(field), old["spec"]["names"].get(field), f"spec.names.{field}"
        )


def warnings(definition: Json) -> Iterator[str]:
    """What an author should know although the definition is accepted."""
    for version in objects.items(definition, "spec", "versions"):
        if _has_rules(objects.dig(version, "schema", "openAPIV3Schema", default={})):
            yield f"version {version.get('name')}: x-kubernetes-validations rules are kept but not evaluated by this server"


def _has_rules(schema: Any) -> bool:
    if isinstance(schema, list):
        return any(map(_has_rules, schema))
    return isinstance(schema, dict) and ("x-kubernetes-validations" in schema or any(map(_has_rules, schema.values())))


RULES = rules.Rules(default=_default, begin=_begin, carry=_carry, check=_check, check_change=_check_change)
