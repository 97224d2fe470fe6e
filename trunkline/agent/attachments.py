"""Where the agent learns how a pod is to be attached: the controller's annotation on the Pod.

The CNI server asks an `AttachmentSource`; in production that is the agent's watch on the Pods of its own node, so an
answer that is there already costs nothing and one that is not is waited for without asking again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Protocol

import msgspec
import structlog

from trunkline.adapters.kube.informer import Informer
from trunkline.agent import spec
from trunkline.intent import attachment
from trunkline.kit import problems

NO_POD = problems.register("TRK-0502", "The container's Pod is not known on this node")
NOT_DECIDED = problems.register("TRK-0503", "The controller has not decided yet how the Pod is attached")
UNREADABLE = problems.register("TRK-0504", "The Pod's network annotation cannot be read")

_log = structlog.get_logger(__name__)


class PodRef(msgspec.Struct, frozen=True):
    """A pod as the runtime names it; `uid` is empty when the runtime does not tell."""

    namespace: str
    name: str
    uid: str = ""

    def __str__(self) -> str:
        return f"Pod {self.namespace}/{self.name}"

    @property
    def key(self) -> str:
        """As informers spell it."""
        return f"{self.namespace}/{self.name}"


class Bound(msgspec.Struct, frozen=True):
    """A pod as far as its port can be made: `attachment` is None before it is decided and once the pod has ended."""

    pod: PodRef
    attachment: attachment.Attachment | None


class AttachmentSource(Protocol):
    """Knows the pods of this node."""

    async def wait(self, pod: PodRef, timeout: float) -> attachment.Attachment:
        """The pod's attachment, waited for up to `timeout` seconds.  It carries no problem and the right Pod's UID.

        Raises:
            Failure: there is none in time, or the controller says why there cannot be one.
        """

    async def synced(self) -> None:
        """Return when the node's pods are known."""

    def uids(self) -> frozenset[str]:
        """The UIDs of the pods that are on this node; nothing that may be acted on before `synced`."""

    def lasting(self) -> frozenset[str]:
        """The UIDs of the pods that are on this node and have not ended, so that the controller keeps their ports."""

    def bound(self) -> AsyncIterator[list[Bound]]:
        """The pods of this node, all in the first batch (perhaps none), afterwards those that change."""

    def of_node(self) -> AsyncIterator[attachment.Attachment]:
        """The node's own attachment, as it is and whenever it changes."""


class KubeAttachments:
    """Attachments from annotations, as informers on the node's Pods and on the Node itself see them."""

    def __init__(self, pods: Informer, nodes: Informer) -> None:
        self._pods = pods
        self._nodes = nodes

    async def synced(self) -> None:
        await self._pods.synced()

    async def wait(self, pod: PodRef, timeout: float) -> attachment.Attachment:
        try:
            found = await self._pods.wait_for(lambda objects: decided(objects.get(pod.key), pod), timeout, key=pod.key)
        except TimeoutError:
            problem = _why_not(self._pods.objects.get(pod.key), pod, timeout)
            raise spec.Failure.of(spec.TRY_AGAIN_LATER, problem) from None
        if found.problem:
            raise spec.Failure.of(spec.NO_ADDRESS, found.problem)
        return found

    def uids(self) -> frozenset[str]:
        return frozenset(obj["metadata"]["uid"] for obj in self._pods.objects.values())

    def lasting(self) -> frozenset[str]:
        return frozenset(obj["metadata"]["uid"] for obj in self._pods.objects.values() if not _ended(obj))

    async def bound(self) -> AsyncIterator[list[Bound]]:
        async for changes in self._pods.subscribe():
            yield [each for _key, old, new in changes for each in _bound(old, new)]

    async def of_node(self) -> AsyncIterator[attachment.Attachment]:
        async for changes in self._nodes.subscribe():
            for _key, _old, node in changes:
                if (found := _of_node(node)) is not None:
                    yield found


def _bound(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> Iterator[Bound]:
    if old and (new is None or old["metadata"]["uid"] != new["metadata"]["uid"]):
        yield Bound(_ref(old), None)
    if new:
        yield Bound(_ref(new), of_living(new))


def _ref(obj: Mapping[str, Any]) -> PodRef:
    meta = obj["metadata"]
    return PodRef(meta["namespace"], meta["name"], meta["uid"])


def of_living(obj: Mapping[str, Any]) -> attachment.Attachment | None:
    """What a pod that is to run can be attached with; None while there is nothing, and for a pod that is on its way out."""
    if "deletionTimestamp" in obj["metadata"] or _ended(obj):
        return None
    try:
        found = decided(obj, _ref(obj))
    except spec.Failure:
        return None  # whoever asks for this pod is told
    return None if found is None or found.problem else found


def _ended(obj: Mapping[str, Any]) -> bool:
    return obj.get("status", {}).get("phase") in ("Succeeded", "Failed")


def _of_node(node: Mapping[str, Any] | None) -> attachment.Attachment | None:
    if node is None:
        return None
    name = node["metadata"]["name"]
    try:
        return decided(node, PodRef("", name))
    except spec.Failure as failure:
        _log.warning("the Node's network annotation cannot be read", node=name, error=failure.details)
        return None


def decided(obj: Mapping[str, Any] | None, pod: PodRef) -> attachment.Attachment | None:
    """What the controller wrote for exactly this Pod, problem or not; None while there is nothing.

    Raises:
        Failure: it wrote something that is not an attachment.
    """
    if obj is None or pod.uid not in ("", obj["metadata"]["uid"]):
        return None
    text = obj["metadata"].get("annotations", {}).get(attachment.ANNOTATION)
    if not text:
        return None
    try:
        found = attachment.decode(text)
    except msgspec.MsgspecError as error:
        raise spec.Failure.of(spec.INVALID_CONFIG, _unreadable(pod, str(error))) from error
    # A StatefulSet's new pod has the old one's name; a note for the old one must not be used.
    return found if found.uid == obj["metadata"]["uid"] else None


def _why_not(obj: Mapping[str, Any] | None, pod: PodRef, timeout: float) -> problems.Problem:
    if obj is None or pod.uid not in ("", obj["metadata"]["uid"]):
        return problems.Problem(
            code=NO_POD,
            object=str(pod),
            found=f"no such Pod with UID {pod.uid} on this node" if pod.uid else "no such Pod on this node",
            hint="see whether the agent reaches the Kubernetes API",
        )
    return problems.Problem(
        code=NOT_DECIDED,
        object=str(pod),
        field=f"metadata.annotations[{attachment.ANNOTATION}]",
        found=f"nothing for this Pod after {timeout:g} s",
        hint="see whether `trunkline controller` runs",
    )


def _unreadable(pod: PodRef, error: str) -> problems.Problem:
    field = f"metadata.annotations[{attachment.ANNOTATION}]"
    hint = "remove the annotation; the controller writes it anew"
    return problems.Problem(code=UNREADABLE, object=str(pod), field=field, found=error, hint=hint)
