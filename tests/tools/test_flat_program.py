"""The program that components are measured against registers just what they register."""

from pathlib import Path

import pytest

from graph.programs import record_stack
from graph.recorder import record
from graph.resource_graph import ResourceGraph
from tools.bench.flat_program import flat_program

ROOT = Path(__file__).resolve().parents[2]


def objects(graph: ResourceGraph) -> dict[tuple[str, str], object]:
    return {(r.type, r.name): r.inputs for r in graph.resources if r.is_kubernetes_object}


@pytest.mark.slow  # imports the SDKs of all clouds
def test_the_flat_program_registers_the_same_objects_with_the_same_inputs(tmp_path: Path):
    original = record_stack(ROOT, "prod")
    source: dict[str, object] = {}
    exec(flat_program(original), source)
    program = source["program"]
    assert callable(program)
    flat = record(program)
    assert objects(flat) == objects(original)
    assert not [r for r in flat.resources if not r.custom and r.parent]
