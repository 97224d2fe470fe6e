"""Workload controllers: Deployments, ReplicaSets, StatefulSets and DaemonSets become pods; nodes get their podCIDR."""
