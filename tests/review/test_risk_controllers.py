"""Risk: an object whose kind the cluster knows only with a controller."""

from review.risks.classes import RiskClass
from tests.harness.graphs import findings, kube

VERTICAL = "autoscaling.k8s.io/v1:VerticalPodAutoscaler"


def test_the_controller_of_a_new_object_is_named():
    (found,) = findings(RiskClass.CONTROLLER, None, kube(VERTICAL, "core"))
    assert found.startswith("VerticalPodAutoscaler core/core: the cluster must run the Vertical")


def test_what_the_cluster_has_already_or_always_is_no_risk():
    known = kube(VERTICAL, "core", spec={})
    changed = kube(VERTICAL, "core", spec={"updatePolicy": {"updateMode": "Off"}})
    assert findings(RiskClass.CONTROLLER, known, changed) == []
    assert findings(RiskClass.CONTROLLER, known, None) == []
    scaler = kube("autoscaling/v2:HorizontalPodAutoscaler", "core")
    assert findings(RiskClass.CONTROLLER, None, scaler) == []
