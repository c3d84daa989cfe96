# OpenBao of the local node, for development alone. It initializes itself on its first start, and
# unseals itself with a key that lies in the same cluster. Its root token is revoked before anybody
# has seen it.
storage "raft" {
  path    = "/openbao"
  node_id = "openbao-0"
}

listener "tcp" {
  address         = "0.0.0.0:@PORT@"
  tls_cert_file   = "@TLS@/tls.crt"
  tls_key_file    = "@TLS@/tls.key"
  tls_min_version = "tls12"
}

seal "static" {
  current_key_id = "local-node"
  current_key    = "file://@SEAL@/@SEAL_KEY@"
}

api_addr     = "https://openbao.@NAMESPACE@.svc:@PORT@"
cluster_addr = "https://127.0.0.1:8201"
log_level    = "info"

initialize "logins" {
  request "enable" {
    operation = "update"
    path      = "sys/auth/kubernetes"
    data      = { type = "kubernetes" }
  }
  # It reviews tokens with the token of its own service account.
  request "cluster" {
    operation = "update"
    path      = "auth/kubernetes/config"
    data      = { kubernetes_host = "https://kubernetes.default.svc" }
  }
}

initialize "entries" {
  request "enable" {
    operation = "update"
    path      = "sys/mounts/secret"
    data      = { type = "kv", options = { version = "2" } }
  }
}

initialize "operator" {
  request "rights" {
    operation = "update"
    path      = "sys/policies/acl/@OPERATOR@"
    data = {
      policy = <<-EOT
        path "secret/*" { capabilities = ["create", "read", "update", "patch", "delete", "list"] }
        path "sys/policies/acl/*" { capabilities = ["create", "read", "update", "delete"] }
        path "auth/kubernetes/role/*" { capabilities = ["create", "read", "update", "delete"] }
      EOT
    }
  }
  request "role" {
    operation = "update"
    path      = "auth/kubernetes/role/@OPERATOR@"
    data = {
      audience                         = "@AUDIENCE@"
      bound_service_account_names      = "@OPERATOR_ACCOUNT@"
      bound_service_account_namespaces = "@NAMESPACE@"
      token_policies                   = "@OPERATOR@"
      token_ttl                        = "10m"
    }
  }
}
