# The cluster's authority, and a certificate for each who speaks. Sourced by up.

certificate() { # NAME SUBJECT EXTENSION…: signed by the cluster's authority
  local file=$RUN/pki/$1 subject=$2 signer=() e; shift 2
  if [[ -e $RUN/pki/ca.crt ]]; then
    signer=(-CA "$RUN/pki/ca.crt" -CAkey "$RUN/pki/ca.key" -addext authorityKeyIdentifier=keyid)
  fi
  for e in "$@"; do signer+=(-addext "$e"); done
  openssl req -x509 -config <(printf '[req]\ndistinguished_name=dn\n[dn]\n') -newkey ec \
    -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj "$subject" \
    -addext subjectKeyIdentifier=hash "${signer[@]}" -keyout "$file.key" -out "$file.crt" 2>> "$RUN/log/openssl.log"
}

client() { # NAME USER GROUP: a certificate and a kubeconfig with it
  certificate "$1" "/O=$3/CN=$2" extendedKeyUsage=clientAuth
  cat > "$RUN/pki/$1.kubeconfig" <<K
apiVersion: v1
kind: Config
clusters: [{name: node, cluster: {server: "$api", certificate-authority-data: $(base64 -w0 "$RUN/pki/ca.crt")}}]
users: [{name: $1, user: {client-certificate-data: $(base64 -w0 "$RUN/pki/$1.crt"), client-key-data: $(base64 -w0 "$RUN/pki/$1.key")}}]
contexts: [{name: node, context: {cluster: node, user: $1}}]
current-context: node
K
}

make_identities() {
  local dns=DNS:localhost n=kubernetes
  for n in kubernetes kubernetes.default kubernetes.default.svc kubernetes.default.svc.cluster.local; do dns+=,DNS:$n; done
  mkdir -p "$RUN/pki"; chmod 700 "$RUN/pki"
  certificate ca /CN=node-ca basicConstraints=critical,CA:TRUE keyUsage=critical,keyCertSign,cRLSign
  certificate apiserver /CN=kube-apiserver extendedKeyUsage=serverAuth \
    "subjectAltName=IP:$api_ip,IP:${service_net%.*}.1,IP:127.0.0.1,$dns"
  certificate front-proxy /CN=front-proxy extendedKeyUsage=clientAuth
  client admin admin system:masters
  client controller-manager system:kube-controller-manager system:none
  if [[ $mode == node ]]; then
    certificate kubelet-serving /CN=node1 extendedKeyUsage=serverAuth "subjectAltName=IP:$node_ip,DNS:node1"
    client kubelet system:node:node1 system:nodes
    client scheduler system:kube-scheduler system:none
    client kube-proxy system:kube-proxy system:none
  fi
  openssl genrsa -out "$RUN/pki/sa.key" 2048 2>> "$RUN/log/openssl.log"
  install -m 600 "$RUN/pki/admin.kubeconfig" "$KUBECONFIG"
}
