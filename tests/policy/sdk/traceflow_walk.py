"""The document's traceflow through the unmodified official SDK; run by an interpreter that has `vcf-nsx`, prints what it saw.

Usage: traceflow_walk.py URL CA PASSWORD PORT SOURCE_MAC DESTINATION_MAC
"""

import json
import sys
import time

import requests
from vcf.nsx import model_client as model
from vcf.nsx.policy.api.v1 import infra_client
from vcf.nsx.policy.api.v1.infra import traceflows_client
from vmware.vapi.lib.connect import get_requests_connector
from vmware.vapi.security.user_password import create_user_password_security_context
from vmware.vapi.stdlib.client.factories import StubConfigurationFactory

url, authority, password, port, source, destination = sys.argv[1:]
session = requests.Session()
session.verify = authority
connector = get_requests_connector(session=session, msg_protocol="rest", url=url)
connector.set_security_context(create_user_password_security_context("admin", password))
config = StubConfigurationFactory.new_std_configuration(connector)

packet = model.FieldsPacketData(
    eth_header=model.EthernetHeader(src_mac=source, dst_mac=destination, eth_type=2048),
    ip_header=model.Ipv4Header(src_ip="192.168.100.11", dst_ip="192.168.100.12", protocol=1, ttl=64, flags=0),
    transport_header=model.TransportProtocolHeader(
        icmp_echo_request_header=model.IcmpEchoRequestHeader(id=0, sequence=0)
    ),
    frame_size=128,
    routed=False,
    transport_type="UNICAST",
)
wanted = model.TraceflowConfig(
    source_id=port,
    connected_parent_path_as_source="/infra/segments/test2",
    packet=packet.convert_to(model.PacketData),
    timeout=10,
    is_transient=True,
)
traceflows = infra_client.Traceflows(config)
made = traceflows.policy_lm_update_traceflow_config("sdk", wanted)
seen = {"made": [made.id, made.path, made.timeout, made.connected_parent_path_as_source]}


def ended():
    while True:
        status = traceflows_client.Status(config).policy_lm_read_traceflow_status("sdk")
        if status.operation_state != "IN_PROGRESS":
            return status
        time.sleep(0.1)


def observed():
    listed = traceflows_client.Observations(config).policy_lm_list_traceflow_observations("sdk")
    return [each.get_struct_value().get_field("resource_type").value.value for each in listed.results], listed


status = ended()
seen["status"] = [status.operation_state, status.request_status, status.counters.delivered_count, status.timeout]
seen["observations"], listed = observed()
last = listed.results[-1].convert_to(model.TraceflowObservationDelivered)
seen["delivered"] = [last.lport_name, last.vlan_id, last.transport_node_name, last.sequence_no]
traceflows.policy_lm_restart_traceflow("sdk", action="restart")
seen["again"] = ended().operation_state
seen["listed"] = traceflows.policy_lm_list_traceflow_config().result_count > 0
traceflows.policy_lm_delete_traceflow_config("sdk")
try:
    traceflows.policy_lm_read_traceflow_config("sdk")
except Exception as error:
    seen["gone"] = [type(error).__name__, error.get_status_code()]
print(json.dumps(seen))
