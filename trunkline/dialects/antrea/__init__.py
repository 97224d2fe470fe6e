"""Antrea's objects and annotations, as users of Antrea 1.4 to 2.x write them: pools of addresses on VLANs."""
