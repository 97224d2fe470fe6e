"""Whether this kernel has Open vSwitch's own datapath."""

from __future__ import annotations

import socket
import struct

from trunkline.adapters.netlink import message

_NETLINK_GENERIC = 16  # linux/netlink.h
_GENL_ID_CTRL, _CTRL_CMD_GETFAMILY, _CTRL_ATTR_FAMILY_NAME = 16, 3, 2  # linux/genetlink.h


def kernel_has_one() -> bool:
    """Ask for the datapath's netlink family; the kernel loads the module for it if it has one.

    Source: `OVS_DATAPATH_FAMILY` in linux/openvswitch.h.
    """
    body = struct.pack("=BBH", _CTRL_CMD_GETFAMILY, 1, 0) + message.text(_CTRL_ATTR_FAMILY_NAME, "ovs_datapath")
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_GENERIC) as kernel:
        kernel.send(message.message(_GENL_ID_CTRL, message.NLM_F_ACK, 1, body))
        return all(kind != message.NLMSG_ERROR for kind, *_rest in message.messages(kernel.recv(1 << 16)))
