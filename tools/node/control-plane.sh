# etcd, API server and controller manager, alike in both modes; CRDs. Sourced by up.

# The full node's addresses are its own; an API server alone takes what is free on the loopback interface.
choose_addresses() {
  case $mode in
    node) api_ip=$node_ip api_port=6443 etcd_port=2379 ;;
    api) api_ip=127.0.0.1; read -r api_port etcd_port < <(free_ports) ;;
  esac
  api=https://$api_ip:$api_port
}

free_ports() {
  python3 -c '
import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(s.getsockname()[1] for s in held))'
}

start_api() {
  local p=$RUN/pki api_only=()
  if [[ $mode == api ]]; then api_only=(--bind-address=127.0.0.1 --endpoint-reconciler-type=none); fi
  # The cluster is thrown away at down, so etcd need not wait for the disk.
  start etcd etcd --data-dir "$RUN/etcd" --unsafe-no-fsync --listen-peer-urls http://127.0.0.1:0 \
    --listen-client-urls "http://127.0.0.1:$etcd_port" --advertise-client-urls "http://127.0.0.1:$etcd_port"
  start apiserver kube-apiserver --etcd-servers="http://127.0.0.1:$etcd_port" --cert-dir="$p" \
    --secure-port="$api_port" --advertise-address="$api_ip" "${api_only[@]}" --service-cluster-ip-range="$service_net" \
    --tls-cert-file="$p/apiserver.crt" --tls-private-key-file="$p/apiserver.key" --client-ca-file="$p/ca.crt" \
    --service-account-key-file="$p/sa.key" --service-account-signing-key-file="$p/sa.key" \
    --service-account-issuer=https://kubernetes.default.svc.cluster.local \
    --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged=true \
    --kubelet-client-certificate="$p/admin.crt" --kubelet-client-key="$p/admin.key" \
    --kubelet-certificate-authority="$p/ca.crt" --kubelet-preferred-address-types=InternalIP \
    --proxy-client-cert-file="$p/front-proxy.crt" --proxy-client-key-file="$p/front-proxy.key" \
    --requestheader-client-ca-file="$p/ca.crt" --requestheader-allowed-names=front-proxy \
    --requestheader-username-headers=X-Remote-User --requestheader-group-headers=X-Remote-Group \
    --requestheader-extra-headers-prefix=X-Remote-Extra-
}

api_ready() { curl -sf --cacert "$RUN/pki/ca.crt" --cert "$RUN/pki/admin.crt" --key "$RUN/pki/admin.key" "$api/readyz"; }

start_controller_manager() {
  local p=$RUN/pki port=()
  await 60 "API server" api_ready
  if [[ $mode == api ]]; then port=(--secure-port=0); fi
  start controller-manager kube-controller-manager $(kubeconfigs controller-manager) \
    --service-account-private-key-file="$p/sa.key" --root-ca-file="$p/ca.crt" \
    --cluster-signing-cert-file="$p/ca.crt" --cluster-signing-key-file="$p/ca.key" \
    --use-service-account-credentials=true --kube-api-qps=300 --kube-api-burst=600 --leader-elect=false --bind-address=127.0.0.1 --cert-dir="$p" "${port[@]}"
}

kubeconfigs() { printf -- "--%skubeconfig=$RUN/pki/$1.kubeconfig " '' authentication- authorization-; } # NAME

await_accounts() { await 60 "default service account" kubectl get serviceaccount default; }

# ---- CRDs ----------------------------------------------------------------------------------------

crds_folder() { # [DIR]: given, else $CRDS_DIR
  local dir=${1:-${CRDS_DIR:-}}
  [[ -n $dir ]] && compgen -G "$dir/*.yaml" > /dev/null || fail "no CRDs in ${dir:-CRDS_DIR, which is not set}" "nothing is started" \
    "name a folder of their YAML files: --crds DIR, or CRDS_DIR=DIR"
  realpath "$dir"
}

apply_crds() { # DIR
  local files=("$1"/*.yaml)
  step "applying ${#files[@]} files of CRDs (about 15 s)"
  printf '%s\0' "${files[@]}" | xargs -0 -n1 -P2 kubectl apply --server-side -f > "$RUN/log/crds.log" 2>&1 \
    || fail "CRDs were refused ($(grep -i error "$RUN/log/crds.log" | head -1))" "they are not all there" \
      "put files that this Kubernetes takes into $1 and run up again"
  kubectl wait --for=condition=Established crd --all --timeout=60s > /dev/null
  step "applied ${#files[@]} files of CRDs"
}
