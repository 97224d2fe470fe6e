"""Trunkline: routable pod addresses on your own VLANs, realised on OVN and Open vSwitch."""
