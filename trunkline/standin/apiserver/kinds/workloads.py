"""Deployments, ReplicaSets, StatefulSets and DaemonSets."""

from __future__ import annotations

from collections.abc import Iterator

from trunkline.standin.apiserver import causes, names, objects, selectors
from trunkline.standin.apiserver.causes import Cause
from trunkline.standin.apiserver.kinds import pods, rules
from trunkline.standin.apiserver.objects import Json

_STATEFULSET_CHANGEABLE = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)


def _spec(obj: Json) -> Json:
    spec: Json = obj.setdefault("spec", {})
    if isinstance(template := spec.get("template"), dict):
        pods.fill_spec(template.setdefault("spec", {}))
    return spec


def _default_deployment(obj: Json) -> None:
    spec = _spec(obj)
    objects.setdefaults(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600, strategy={})
    objects.setdefaults(spec["strategy"], type="RollingUpdate")
    if spec["strategy"]["type"] == "RollingUpdate":
        objects.setdefaults(spec["strategy"], rollingUpdate={})
        objects.setdefaults(spec["strategy"]["rollingUpdate"], maxSurge="25%", maxUnavailable="25%")


def _default_replicaset(obj: Json) -> None:
    objects.setdefaults(_spec(obj), replicas=1)


def _default_statefulset(obj: Json) -> None:
    spec = _spec(obj)
    objects.setdefaults(
        spec, replicas=1, revisionHistoryLimit=10, podManagementPolicy="OrderedReady", updateStrategy={}
    )
    objects.setdefaults(spec, persistentVolumeClaimRetentionPolicy={"whenDeleted": "Retain", "whenScaled": "Retain"})
    objects.setdefaults(spec["updateStrategy"], type="RollingUpdate")
    if spec["updateStrategy"]["type"] == "RollingUpdate":
        objects.setdefaults(spec["updateStrategy"], rollingUpdate={"partition": 0})


def _default_daemonset(obj: Json) -> None:
    spec = _spec(obj)
    objects.setdefaults(spec, revisionHistoryLimit=10, updateStrategy={})
    objects.setdefaults(spec["updateStrategy"], type="RollingUpdate")
    if spec["updateStrategy"]["type"] == "RollingUpdate":
        objects.setdefaults(spec["updateStrategy"], rollingUpdate={})
        objects.setdefaults(spec["updateStrategy"]["rollingUpdate"], maxSurge=0, maxUnavailable=1)


def _check(obj: Json) -> Iterator[Cause]:
    """What all four kinds share: a selector, and a template that it selects and that runs for ever."""
    spec = obj["spec"]
    selector, template = spec.get("selector"), spec.get("template")
    yield from rules.not_negative(spec.get("replicas"), "spec.replicas")
    yield from rules.not_negative(spec.get("minReadySeconds"), "spec.minReadySeconds")
    if not isinstance(selector, dict):
        yield causes.required("spec.selector")
    elif not selector.get("matchLabels") and not selector.get("matchExpressions"):
        yield causes.invalid("spec.selector", selector, f"empty selector is invalid for {obj.get('kind', '').lower()}")
    else:
        yield from _check_selector(selector)
    if not isinstance(template, dict):
        yield causes.required("spec.template")
        return
    labels = objects.dig(template, "metadata", "labels", default={})
    if isinstance(selector, dict) and not selectors.matches(selectors.from_selector(selector), labels):
        yield causes.invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`")
    yield from names.check_labels(labels, "spec.template.metadata.labels")
    annotations = objects.dig(template, "metadata", "annotations", default={})
    yield from names.check_annotations(annotations, "spec.template.metadata.annotations")
    yield from pods.check_spec(template.get("spec"), "spec.template.spec")
    if (policy := objects.dig(template, "spec", "restartPolicy")) not in (None, "Always"):
        yield causes.unsupported("spec.template.spec.restartPolicy", policy, ["Always"])


def _check_selector(selector: Json) -> Iterator[Cause]:
    yield from names.check_labels(selector.get("matchLabels"), "spec.selector.matchLabels")
    for index, expression in enumerate(objects.items(selector, "matchExpressions")):
        at, operator = f"spec.selector.matchExpressions[{index}]", expression.get("operator")
        if operator not in ("In", "NotIn", "Exists", "DoesNotExist"):
            yield causes.invalid(f"{at}.operator", operator, "not a valid selector operator")
        elif operator in ("In", "NotIn") and not expression.get("values"):
            yield causes.required(f"{at}.values", "must be specified when `operator` is 'In' or 'NotIn'")
        elif operator in ("Exists", "DoesNotExist") and expression.get("values"):
            yield causes.forbidden(f"{at}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")


def _check_deployment(obj: Json) -> Iterator[Cause]:
    yield from _check(obj)
    strategy = obj["spec"]["strategy"]
    yield from rules.one_of(strategy.get("type"), ("Recreate", "RollingUpdate"), "spec.strategy.type")
    rolling = strategy.get("rollingUpdate")
    if strategy.get("type") == "Recreate" and rolling:
        detail = "may not be specified when strategy `type` is 'Recreate'"
        yield causes.forbidden("spec.strategy.rollingUpdate", detail)
    elif rolling and {rolling.get("maxSurge"), rolling.get("maxUnavailable")} <= {0, "0", "0%"}:
        field = "spec.strategy.rollingUpdate.maxUnavailable"
        yield causes.invalid(field, rolling["maxUnavailable"], "may not be 0 when `maxSurge` is 0")


def _same_selector(new: Json, old: Json) -> Iterator[Cause]:
    yield from rules.immutable(new["spec"].get("selector"), old["spec"].get("selector"), "spec.selector")


def _check_statefulset_change(new: Json, old: Json) -> Iterator[Cause]:
    fixed_new, fixed_old = (
        {key: value for key, value in obj["spec"].items() if key not in _STATEFULSET_CHANGEABLE} for obj in (new, old)
    )
    if fixed_new != fixed_old:
        listed = ", ".join(f"'{name}'" for name in _STATEFULSET_CHANGEABLE[:-1])
        detail = f"updates to statefulset spec for fields other than {listed} and 'minReadySeconds' are forbidden"
        yield causes.forbidden("spec", detail)


DEPLOYMENT = rules.Rules(default=_default_deployment, check=_check_deployment, check_change=_same_selector)
REPLICASET = rules.Rules(default=_default_replicaset, check=_check, check_change=_same_selector)
STATEFULSET = rules.Rules(default=_default_statefulset, check=_check, check_change=_check_statefulset_change)
DAEMONSET = rules.Rules(default=_default_daemonset, check=_check, check_change=_same_selector)
