"""Converts NetworkPolicies to nft tables, with pure functions of API objects.

What the tables do not model is dropped: IPv6 and every other ethertype but IPv4 and ARP, broadcast
and multicast, addresses that the sender does not own, pods that are not known yet.
"""

BRIDGE = "cni0"


def selects(selector, labels):
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return False
    for e in selector.get("matchExpressions") or []:
        has, value = e["key"] in labels, labels.get(e["key"])
        if not {
            "In": has and value in e.get("values", []),
            "NotIn": not (has and value in e.get("values", [])),
            "Exists": has,
            "DoesNotExist": not has,
        }[e["operator"]]:
            return False
    return True


def peer_pods(peer, namespace, pods, namespaces):
    """The pods that a peer's selectors match; without namespaceSelector in the same namespace."""
    for pod in pods:
        if "namespaceSelector" in peer:
            if not selects(peer["namespaceSelector"], namespaces.get(pod["namespace"], {})):
                continue
        elif pod["namespace"] != namespace:
            continue
        if selects(peer.get("podSelector", {}), pod["labels"]):
            yield pod


def port_match(port, named):
    """The nft expression for a port of a rule; None if the pod has no port of that name."""
    proto, number = port.get("protocol", "TCP"), port.get("port")
    if number is None:
        return f"meta l4proto {proto.lower()} "
    if isinstance(number, str):
        number = named.get((number, proto))
        if number is None:
            return None
    end = port.get("endPort")
    return f"{proto.lower()} dport {number}{f'-{end}' if end else ''} "


def rule_lines(rule, side, policy_namespace, me, pods, namespaces):
    """The nft lines that allow (`return`) the connections of one rule.

    A named port is the receiving pod's port.
    """
    incoming = side == "from"
    far = "saddr" if incoming else "daddr"
    ports = rule.get("ports") or []

    def lines(address, receiver):
        matches = (
            [port_match(p, receiver["ports"] if receiver else {}) for p in ports] if ports else [""]
        )
        return [f"{address}{m}return" for m in matches if m is not None]

    peers = rule.get(side)
    if not peers:
        if incoming or not any(isinstance(p.get("port"), str) for p in ports):
            return lines("", me if incoming else None)
        return [x for pod in pods for x in lines(f"ip {far} {pod['ip']} ", pod)]
    found = []
    for peer in peers:
        block = peer.get("ipBlock")
        if block:
            if ":" not in block["cidr"]:
                but = [x for x in block.get("except") or [] if ":" not in x]
                found += lines(
                    f"ip {far} {block['cidr']} "
                    + (f"ip {far} != {{ {', '.join(but)} }} " if but else ""),
                    me if incoming else None,
                )
            continue
        for pod in peer_pods(peer, policy_namespace, pods, namespaces):
            found += lines(f"ip {far} {pod['ip']} ", me if incoming else pod)
    return found


def governing(pod, direction, policies):
    """The policies that select this pod in this direction."""
    return [
        p
        for p in policies
        if p["metadata"]["namespace"] == pod["namespace"]
        and direction in p["spec"].get("policyTypes", ["Ingress"])
        and selects(p["spec"].get("podSelector", {}), pod["labels"])
    ]


def policy_table(pods, namespaces, policies, owners):
    """The nft tables: one chain for each pod and direction that a policy selects.

    Args:
        owners: by name of each port of the bridge, the address of its pod.
    """
    chains, jumps = [], {"Ingress": [], "Egress": []}
    for pod in pods:
        for direction, side in (("Ingress", "from"), ("Egress", "to")):
            mine = governing(pod, direction, policies)
            if not mine:
                continue
            itself = f"ip saddr {pod['ip']} ip daddr {pod['ip']} return"
            rules = [rule for p in mine for rule in p["spec"].get(direction.lower()) or []]
            allowed = [
                line
                for rule in rules
                for line in rule_lines(rule, side, pod["namespace"], pod, pods, namespaces)
            ]
            name = f"{direction.lower()}_{pod['ip'].replace('.', '_')}"
            chains.append(chain(name, [*dict.fromkeys([itself, *allowed]), "counter drop"]))
            jumps[direction].append(f"{pod['ip']} : jump {name}")
    dispatch = {
        direction: f"ip {field} vmap {{ {', '.join(jumps[direction])} }}"
        for direction, field in (("Egress", "saddr"), ("Ingress", "daddr"))
        if jumps[direction]
    }
    from_stranger = f'iifname "{BRIDGE}" ip saddr != @pods counter drop'
    to_stranger = f'oifname "{BRIDGE}" ip daddr != @pods counter drop'
    # The node's own traffic passes neither chain: the kubelet's probes are never blocked.
    hooked = {
        "forward": ["meta nfproto ipv6 counter drop", from_stranger, to_stranger, *dispatch.values()],
        "input": [
            f'iifname "{BRIDGE}" meta nfproto ipv6 counter drop',
            from_stranger,
            *filter(None, [dispatch.get("Egress")]),
        ],
    }
    hooks = [
        chain(
            name,
            [
                f"type filter hook {name} priority -5; policy accept;",
                "ct state established,related accept",
                *lines,
            ],
        )
        for name, lines in hooked.items()
    ]
    known = elements("pods", "ipv4_addr", [pod["ip"] for pod in pods])
    return table("inet", [known, *chains, *hooks]) + table("bridge", ports(owners))


def ports(owners):
    """What may enter the bridge at each of its ports: IPv4 and ARP from the address of its pod."""
    owned = [f'"{port}" . {ip}' for port, ip in owners.items()]
    lines = [
        "type filter hook prerouting priority -300; policy drop;",
        "iifname . ip saddr @owners accept",
        "iifname . arp saddr ip @owners accept",
        "counter drop",
    ]
    return [elements("owners", "ifname . ipv4_addr", owned), chain("prerouting", lines)]


def table(family, parts):
    """A table that replaces the one before it."""
    fresh = f"table {family} netpol\ndelete table {family} netpol\n"
    return f"{fresh}table {family} netpol {{\n{''.join(parts)}}}\n"


def elements(name, kind, values):
    """A set, which nft refuses to be written with an empty list of elements."""
    listed = f" elements = {{ {', '.join(values)} }};" if values else ""
    return f"  set {name} {{ type {kind};{listed} }}\n"


def chain(name, lines):
    return f"  chain {name} {{\n" + "".join(f"    {line}\n" for line in lines) + "  }\n"
