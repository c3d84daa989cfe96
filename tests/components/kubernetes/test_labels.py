"""Labels: two forms of one name, and a selector that outlives every version."""

from components.kubernetes.labels import labels, selector


def test_a_workloads_labels_carry_its_selector():
    assert selector("mcp-core").items() <= labels("mcp-core", "core").items()


def test_the_selector_is_the_name_alone():
    assert selector("mcp-core") == {"app": "mcp-core"}


def test_the_source_documents_labels_and_the_recommended_ones_say_the_same():
    given = labels("mcp-core", "core")
    assert given["app"] == given["app.kubernetes.io/name"] == "mcp-core"
    assert given["component"] == given["app.kubernetes.io/component"] == "core"
    assert given["app.kubernetes.io/part-of"] == "qudag-mcp"
