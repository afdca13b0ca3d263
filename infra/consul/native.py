"""Consul for native mode: one server, on loopback only."""

import json

from infra.deploy.ports import Ports
from infra.deploy.program import Program
from infra.deploy.run_dir import RunDir


def address(ports: Ports) -> str:
    """What CONSUL_HTTP_ADDR holds."""
    return f"127.0.0.1:{ports.consul_http}"


def program(run: RunDir, ports: Ports, executable: str) -> Program:
    conf = run.write_conf("consul.json", render(run, ports))
    return Program(
        "consul",
        # -ui and not the configuration file: old and new versions name it differently there.
        [executable, "agent", "-ui", f"-config-file={conf}"],
        environment={"GOMAXPROCS": "2"},
        ports={
            ports.consul_http: "Consul",
            ports.consul_server: "Consul (server)",
            ports.consul_serf_lan: "Consul (gossip)",
        },
        stop_signal="INT",
    )


def render(run: RunDir, ports: Ports) -> str:
    return json.dumps(
        {
            "node_name": "warren",
            "datacenter": "warren",
            "server": True,
            "bootstrap_expect": 1,
            "bind_addr": "127.0.0.1",
            "client_addr": "127.0.0.1",
            "data_dir": str(run.data("consul")),
            "ports": {
                "http": ports.consul_http,
                "server": ports.consul_server,
                "serf_lan": ports.consul_serf_lan,
                "serf_wan": -1,
                "dns": -1,
                "grpc": -1,
            },
            # One server has nobody to lose an election to, so it need not wait long before it leads.
            "performance": {"raft_multiplier": 1},
            "leave_on_terminate": False,
            "skip_leave_on_interrupt": True,
            "disable_update_check": True,
            "disable_remote_exec": True,
            "log_level": "WARN",
            "limits": {"http_max_conns_per_client": 1000},
        },
        indent=2,
    )
