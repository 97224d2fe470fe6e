"""Kubernetes' own objects: the few fields of them that networking needs, and the overlay that nodes imply."""
