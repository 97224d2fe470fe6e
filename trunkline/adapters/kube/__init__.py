"""The Kubernetes API as a few verbs on plain dictionaries, and caches that follow it."""

from trunkline.adapters.kube.client import Kube
from trunkline.adapters.kube.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    Unreachable,
)
from trunkline.adapters.kube.informer import Change, Informer, Subscription
from trunkline.adapters.kube.resources import Resource, resource

__all__ = [
    "AlreadyExists",
    "ApiError",
    "Change",
    "Conflict",
    "Forbidden",
    "Gone",
    "Informer",
    "Invalid",
    "Kube",
    "NotFound",
    "Resource",
    "Subscription",
    "Unreachable",
    "resource",
]
