"""The diff of two graphs: what is added, changed, replaced, moved and deleted."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.resource_graph import Resource
from review.diff import Action, diff
from tests.harness.graphs import changed, cloud, graph, kube, only_change, workload

NAMES = st.sets(st.sampled_from("abcdef"), max_size=5)


def config(name: str = "config", **data: str) -> Resource:
    return kube("core/v1:ConfigMap", name, data=data)


@given(NAMES)
def test_a_graph_does_not_differ_from_itself(names: set[str]):
    same = graph(*map(config, names), url="x")
    assert diff(same, same).is_empty
    assert diff(same, same).unchanged == len(names)


@given(NAMES, NAMES)
def test_every_resource_is_added_deleted_or_unchanged(old: set[str], new: set[str]):
    found = diff(graph(*map(config, old)), graph(*map(config, new)))
    by_action = {action: {c.resource.name for c in found.changes if c.action is action}
                 for action in Action}  # fmt: skip
    assert by_action[Action.ADD] == new - old
    assert by_action[Action.DELETE] == old - new
    assert found.unchanged == len(old & new)
    assert sum(found.counts().values()) == len(found.changes)


@given(st.dictionaries(st.sampled_from("abc"), st.text("xy", max_size=2)),
       st.dictionaries(st.sampled_from("abc"), st.text("xy", max_size=2)))  # fmt: skip
def test_applying_the_changes_to_the_old_inputs_gives_the_new(old: Any, new: Any):
    inputs = dict(old)
    for change in changed(cloud("aws:x:Y", "it", **old), cloud("aws:x:Y", "it", **new)).changes:
        for found in change.properties:
            inputs.pop(found.path, None)
            if found.new is not None:
                inputs[found.path] = found.new
    assert inputs == new


def test_the_stack_itself_is_no_change():
    found = diff(graph(config(), url="a"), graph(config(), url="b"))
    assert found.changes == ()
    assert [(output.path, output.old, output.new) for output in found.outputs] == [
        ("url", "a", "b")
    ]


def test_dependencies_alone_are_no_change():
    after = replace(config(), dependencies=("urn:pulumi:dev::x::y::z",))
    assert changed(config(), after).is_empty


def test_no_longer_protecting_is_a_change():
    change = only_change(replace(config(), protect=True), config())
    assert [found.path for found in change.properties] == ["options.protect"]


def test_an_alias_makes_a_rename_a_move():
    old = config("old")
    new = replace(config("new"), aliases=(old.urn,), inputs=old.inputs)
    change = only_change(old, new)
    assert (change.action, change.moved_from) == (Action.MOVE, old.urn)


def test_a_resource_that_moves_and_changes_is_both():
    old = workload(name="core")
    new = replace(workload(name="core", replicas=2), urn=f"{old.urn}-2", aliases=(old.urn,))
    change = only_change(old, new)
    assert (change.action, change.moved_from) == (Action.CHANGE, old.urn)


def test_without_an_alias_a_rename_deletes_and_adds():
    actions = sorted(change.action for change in changed(config("old"), config("new")).changes)
    assert actions == [Action.ADD, Action.DELETE]


def test_a_new_urn_without_an_alias_replaces_the_object_and_still_shows_its_properties():
    old = kube("core/v1:Service", "front", spec={"type": "ClusterIP"})
    new = replace(old, urn=f"{old.urn}-2", inputs=old.inputs | {"spec": {"type": "NodePort"}})
    change = only_change(old, new)
    assert (change.action, change.replacing) == (Action.REPLACE, ("options.urn",))
    assert [found.path for found in change.properties] == ["spec.type", "options.urn"]


def test_an_alias_of_a_resource_that_still_exists_moves_nothing():
    old = config("old")
    new = replace(config("new"), aliases=(old.urn,))
    found = diff(graph(old), graph(old, new))
    assert [change.action for change in found.changes] == [Action.ADD]


def test_another_provider_replaces():
    old = replace(config(), provider="urn:pulumi:dev::q::pulumi:providers:kubernetes::a")
    new = replace(config(), provider="urn:pulumi:dev::q::pulumi:providers:kubernetes::b")
    assert only_change(old, new).replacing == ("options.provider",)


def test_a_renamed_provider_replaces_nothing():
    first = cloud("pulumi:providers:kubernetes", "first")
    second = replace(cloud("pulumi:providers:kubernetes", "second"), aliases=(first.urn,))
    before = graph(first, replace(config(), provider=first.urn))
    after = graph(second, replace(config(), provider=second.urn))
    assert [change.action for change in diff(before, after).changes] == [Action.MOVE]


REPLACING: list[tuple[str, Any]] = [
    ("apps/v1:Deployment", {"selector": {"matchLabels": {"a": "1"}}}),
    ("apps/v1:StatefulSet", {"serviceName": "other"}),
    ("apps/v1:StatefulSet", {"volumeClaimTemplates": [{"metadata": {"name": "data"}}]}),
    ("batch/v1:Job", {"template": {"spec": {}}}),
    ("core/v1:Service", {"clusterIP": "None"}),
    ("core/v1:PersistentVolumeClaim", {"storageClassName": "fast"}),
    ("apps/v1:StatefulSet", {"revisionHistoryLimit": 3}),
    ("batch/v1:Job", {"parallelism": 2}),
    ("core/v1:PersistentVolume", {"nfs": {"server": "files"}}),
]
UPDATING: list[tuple[str, Any]] = [
    ("apps/v1:Deployment", {"replicas": 3}),
    ("apps/v1:StatefulSet", {"template": {"spec": {}}}),
    ("core/v1:Service", {"type": "LoadBalancer"}),
    ("core/v1:PersistentVolumeClaim", {"resources": {"requests": {"storage": "2Gi"}}}),
    ("batch/v1:Job", {"ttlSecondsAfterFinished": 3}),
    ("batch/v1:CronJob", {"schedule": "0 * * * *"}),
    ("core/v1:PersistentVolumeClaimPatch", {"storageClassName": "fast"}),
    ("cert-manager.io/v1:Certificate", {"secretName": "other"}),
]


@pytest.mark.parametrize(("type", "spec"), REPLACING)
def test_an_immutable_field_replaces_the_object(type: str, spec: Any):
    assert only_change(kube(type, "it", spec={}), kube(type, "it", spec=spec)).action == "replace"


@pytest.mark.parametrize(("type", "spec"), UPDATING)
def test_a_mutable_field_updates_the_object(type: str, spec: Any):
    assert only_change(kube(type, "it", spec={}), kube(type, "it", spec=spec)).action == "change"


def test_a_changed_physical_name_replaces_the_resource():
    new = kube("core/v1:ConfigMap", "config", metadata={"name": "other"}, data={})
    assert only_change(config(), new).replacing == ("metadata.name",)


def test_configuration_is_replaced_unless_the_provider_may_update_it():
    def action(**options: Any) -> Action:
        provider = cloud("pulumi:providers:kubernetes", "cluster", **options)
        old, new = (replace(config(a=text), provider=provider.urn) for text in "xy")
        return diff(graph(provider, old), graph(provider, new)).changes[0].action

    assert action() is Action.REPLACE
    assert action(enableConfigMapMutable="true") is Action.CHANGE


def test_another_image_replaces_a_pod():
    old, new = (
        kube("core/v1:Pod", "it", spec={"containers": [{"name": "server", "image": image}]})
        for image in ("server:1", "server:2")
    )
    assert only_change(old, new).action is Action.REPLACE


def test_the_type_of_a_secret_replaces_it_even_where_its_content_is_mutable():
    provider = cloud("pulumi:providers:kubernetes", "cluster", enableSecretMutable=True)
    old = replace(kube("core/v1:Secret", "s", data={"a": "x"}), provider=provider.urn)

    def action(**fields: Any) -> Action:
        new = replace(old, inputs=old.inputs | fields)
        return diff(graph(provider, old), graph(provider, new)).changes[0].action

    assert action(data={"a": "y"}) is Action.CHANGE
    assert action(type="Opaque") is Action.REPLACE


@pytest.mark.parametrize(
    ("token", "old", "new"),
    [
        ("aws:s3/bucketObjectv2:BucketObjectv2", {"key": "1.zip"}, {"key": "2.zip"}),
        ("azure-native:storage:StorageAccount", {"accountName": "a"}, {"accountName": "b"}),
        ("aws:ecs/taskDefinition:TaskDefinition", {"cpu": "512"}, {"cpu": "1024"}),
        ("azure-native:web:WebApp", {"location": "westeurope"}, {"location": "eastus"}),
        ("gcp:firestore/database:Database", {"locationId": "eur3"}, {"locationId": "nam5"}),
        ("gcp:projects/iAMMember:IAMMember", {"role": "roles/a"}, {"role": "roles/b"}),
    ],
)
def test_a_changed_replacing_property_replaces_the_cloud_resource(token: str, old: Any, new: Any):
    change = only_change(cloud(token, "it", **old), cloud(token, "it", **new))
    assert (change.action, change.replacing) == (Action.REPLACE, tuple(new))


def test_a_property_that_the_cloud_updates_in_place_is_a_change():
    token = "aws:lambda/function:Function"
    change = only_change(cloud(token, "it", timeout=30), cloud(token, "it", timeout=31))
    assert change.action is Action.CHANGE
