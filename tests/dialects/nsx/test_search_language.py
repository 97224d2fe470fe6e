"""Queries exactly as the named clients send them."""

from __future__ import annotations

import pytest

from trunkline.dialects.nsx.errors import Refused
from trunkline.dialects.nsx.search import Search

ROUTE = {
    "resource_type": "StaticRoutes",
    "id": "6f0c_fd00::_64",
    "display_name": "my cluster (blue)_node-1",
    "path": "/infra/tier-1s/t1/static-routes/6f0c_fd00::_64",
    "parent_path": "/infra/tier-1s/t1",
    "marked_for_delete": False,
    "next_hops": [{"ip_address": "10.0.0.9", "admin_distance": 1}],
    "tags": [
        {"scope": "vsphere.k8s.io/cluster-name", "tag": "my-cluster"},
        {"scope": "vsphere.k8s.io/node-name", "tag": "node-1"},
    ],
}


@pytest.mark.parametrize(
    "query",
    [
        "",
        "resource_type:StaticRoutes",
        r"resource_type:StaticRoutes AND tags.scope:vsphere.k8s.io\/cluster-name AND tags.tag:my-cluster",
        r"resource_type:StaticRoutes AND tags.scope:vsphere.k8s.io\/cluster\-name AND tags.tag:my\-cluster",
        r"resource_type:StaticRoutes AND display_name:my cluster \(blue\)_node\-1* AND marked_for_delete:false AND path:\/infra*",
        r"id:6f0c_fd00\:\:_64 AND marked_for_delete:false AND path:\/infra*",
        "id:6f0c_fd00::_64",
        r"parent_path:\/infra\/tier\-1s\/t1",
        "parent_path:/infra/tier-1s/t1",
        "id:(a OR 6f0c_fd00::_64)",
        "(id:a OR resource_type:StaticRoutes) AND next_hops.ip_address:10.0.0.9",
        "next_hops.admin_distance:1",
        "resource_type:nothing OR resource_type:StaticRoutes",
        "display_name:*CLUSTER*",
        'display_name:"my cluster \\(blue\\)_node-1"',
        "id:*_64",
    ],
)
def test_these_find_the_route(query):
    assert Search(query).matches(ROUTE)


@pytest.mark.parametrize(
    "query",
    [
        "resource_type:dummy",
        "resource_type:Static",
        "id:6f0c",
        r"id:6f0c\*",
        "tags.tag:cluster",
        "marked_for_delete:true",
        r"path:\/orgs\/default\/projects\/p*",
        "no_such_field:*",
        "resource_type:StaticRoutes AND id:other",
        "id:(a AND 6f0c_fd00::_64)",
    ],
)
def test_these_do_not(query):
    assert not Search(query).matches(ROUTE)


@pytest.mark.parametrize(
    "query", ["(id:a", "id:a)", "id", "id:a AND ", " OR id:a", "id:(a OR b", "id:(a OR b AND c)", "()"]
)
def test_broken_queries_are_refused(query):
    with pytest.raises(Refused, check=lambda error: error.status == 400):
        Search(query)


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("resource_type:Tier0 AND id:a", "Tier0"),
        ("id:a AND resource_type:Tier0", "Tier0"),
        ("resource_type:Tier0 OR id:a", ""),
        ("resource_type:Tier*", ""),
        ("resource_type:(A OR B)", ""),
        ("(resource_type:Tier0 OR id:a) AND id:b", ""),
        ("id:b AND (resource_type:Tier0 OR id:a)", ""),
        ("id:a", ""),
    ],
)
def test_a_query_says_its_type_only_when_every_hit_must_have_it(query, kind):
    assert Search(query).kind == kind
