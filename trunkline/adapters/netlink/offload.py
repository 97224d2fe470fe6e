"""Checksum offload off, where the data path runs in user space.

The userspace datapath reads frames as the kernel hands them over; a sender that leaves the checksum to "the hardware"
(which a veth pair or a tap has not got) would put broken packets on the wire.
"""

from __future__ import annotations

import ctypes
import fcntl
import socket
import struct

_SIOCETHTOOL = 0x8946  # linux/sockios.h
_ETHTOOL_STXCSUM = 0x17  # linux/ethtool.h


class _Value(ctypes.Structure):
    """struct ethtool_value."""

    _fields_ = (("command", ctypes.c_uint32), ("data", ctypes.c_uint32))


def disable_tx_checksum(*names: str) -> None:
    """Make the kernel compute checksums before frames leave these interfaces of the calling thread's namespace.

    Raises:
        OSError: there is no such interface, or its driver cannot.
    """
    value = _Value(_ETHTOOL_STXCSUM, 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for name in names:
            fcntl.ioctl(control, _SIOCETHTOOL, struct.pack("16sP16x", name.encode(), ctypes.addressof(value)))
