"""Kinds of Kubernetes that need no policy rule of their own, each with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

HARMLESS: Final[Mapping[str, str]] = {
    "kubernetes:autoscaling.k8s.io/v1:VerticalPodAutoscaler": "it changes requests within limits",
    "kubernetes:autoscaling/v2:HorizontalPodAutoscaler": "it changes the number of pods",
    "kubernetes:cilium.io/v2:CiliumNetworkPolicy": "it narrows what pods may connect to",
    "kubernetes:core/v1:ConfigMap": "its texts are looked at by the rules for any type",
    "kubernetes:core/v1:LimitRange": "it limits what pods may ask for",
    "kubernetes:core/v1:PersistentVolumeClaim": "the pods that mount it are checked",
    "kubernetes:core/v1:PersistentVolumeClaimPatch": "the pods that mount it are checked",
    "kubernetes:core/v1:ResourceQuota": "it limits what a namespace may ask for",
    "kubernetes:core/v1:ServiceAccountPatch": "the roles that are bound to it are checked",
    "kubernetes:generators.external-secrets.io/v1alpha1:Password": "it has no value; what creates "
    "passwords with it is checked",
    "kubernetes:keda.sh/v1alpha1:ScaledObject": "it changes the number of pods",
    "kubernetes:keda.sh/v1alpha1:TriggerAuthentication": "it names keys of Secrets",
    "kubernetes:monitoring.coreos.com/v1alpha1:AlertmanagerConfig": "it routes alerts to receivers",
    "kubernetes:monitoring.coreos.com/v1:PodMonitor": "it names pods whose metrics are read",
    "kubernetes:monitoring.coreos.com/v1:Probe": "it names URLs that are asked",
    "kubernetes:monitoring.coreos.com/v1:PrometheusRule": "it computes from metrics that are read",
    "kubernetes:policy/v1:PodDisruptionBudget": "it keeps pods running",
}
"""By type token: the reason."""
