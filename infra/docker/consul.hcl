// Consul of Compose mode: one server that keeps the catalog and answers DNS for nginx.

server               = true
bootstrap_expect     = 1
client_addr          = "0.0.0.0"
log_level            = "WARN"
disable_update_check = true

// One server has nobody to lose an election to, so it need not wait long before it leads.
performance {
  raft_multiplier = 1
}

// Warren's processes talk through RabbitMQ; there is no mesh to keep certificates for.
connect {
  enabled = false
}

dns_config {
  // More than three gateways do not fit into one UDP answer: say so, and nginx asks again over TCP for all of them.
  enable_truncate = true
}
