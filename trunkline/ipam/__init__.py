"""Address management: who gets which address, and when it comes back.  Pure: the caller writes the changes to the store."""

from trunkline.ipam.allocate import allocate
from trunkline.ipam.book import Book
from trunkline.ipam.leases import Lease, LeaseChange, PodOwner, Release, StatefulSetOwner, Take, Update
from trunkline.ipam.pools import Pool, PoolSubnet, capacity
from trunkline.ipam.ranges import Range
from trunkline.ipam.release import orphans, pod_gone, stateful_set_gone
from trunkline.ipam.requests import Grant, Refusal, Request
from trunkline.ipam.reserve import reserve

__all__ = [
    "Book",
    "Grant",
    "Lease",
    "LeaseChange",
    "PodOwner",
    "Pool",
    "PoolSubnet",
    "Range",
    "Refusal",
    "Release",
    "Request",
    "StatefulSetOwner",
    "Take",
    "Update",
    "allocate",
    "capacity",
    "orphans",
    "pod_gone",
    "reserve",
    "stateful_set_gone",
]
