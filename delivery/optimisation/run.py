"""Reads what a stack used, and proposes the sizes of its workloads."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from components.base.problems import Problem, ProblemReport
from stacks.config.error_messages import KEY_PREFIX
from stacks.config.stack import StackConfig
from stacks.config.validation import validate
from stacks.monitoring import own_login
from stacks.topologies.topology import PROMETHEUS

from ..added_server.stack_file import StackFile
from ..progress import Progress
from ..stack_cluster import cluster_of
from ..stack_identity import StackIdentity
from .metrics_api import sampled
from .prometheus import NOT_KNOWN, Prometheus, forwarded, usage_of
from .proposal import Margins, propose
from .report import Assessment
from .stack_values import refuse_broken_stack, with_changes
from .usage import Usage
from .workload_sizes import SizedWorkload, sized_workloads

PORT = 9090


@dataclass(frozen=True, kw_only=True)
class OptimiseOptions:
    """What a person asks for.

    Attributes:
        window: seconds until now that are looked at.
        at_least: seconds of data without which a workload is not judged.
        prometheus: which is asked; None: that of the stack.
        sample: seconds for which the API server is sampled in place of a Prometheus; 0: not.
        margins: how proposals follow from use.
    """

    window: float
    at_least: float
    prometheus: Prometheus | None = None
    sample: float = 0
    margins: Margins = field(default_factory=Margins)


@dataclass(frozen=True, kw_only=True)
class Optimised:
    """The result, and the file that it is for.

    Attributes:
        text: of the stack file with the changes.
    """

    judged: Assessment
    file: StackFile
    text: str


def configuration(file: StackFile) -> StackConfig:
    """The configuration of a stack file.

    Raises:
        ProblemReport: it is refused.
    """
    raw = {key.removeprefix(KEY_PREFIX): value for key, value in file.config.items()}
    return validate(raw, stack=file.stack)


def optimised(
    stack: StackIdentity, request: str | None, asked: OptimiseOptions, progress: Progress
) -> Optimised:
    """What is proposed for a stack.

    Args:
        stack: of this project's program.
        request: the cluster, in the form of ``CLUSTER``; None: where the stack was deployed.
        asked: the window, and where use is looked up.
        progress: shows the steps.

    Raises:
        ProblemReport: nothing says what was used, or no workload has enough data.
    """
    file = StackFile.read(stack.root, stack.name)
    config = configuration(file)
    workloads = list(sized_workloads(config))
    if asked.sample:
        with progress.step("What the pods use now") as step:
            kubectl = cluster_of(stack, request, consequence=NOT_KNOWN)
            used: Mapping[str, Usage] = sampled(
                kubectl, workloads, asked.sample, lambda note: setattr(step, "note", note)
            )
            step.result = f"{len(used)} of {len(workloads)} workloads"
    else:
        with progress.step("What Prometheus has") as step:
            with _prometheus(stack, request, config, asked) as prometheus:
                used = {
                    one.name: found
                    for one in workloads
                    if (found := usage_of(prometheus, one, asked.window))
                }
            step.result = f"{len(used)} of {len(workloads)} workloads"
    judged = judge(workloads, used, asked)
    if not judged.changes:
        return Optimised(judged=judged, file=file, text=file.data.decode())
    text, sections = with_changes(file, judged.changes)
    refused: list[Problem] = []
    with progress.step("Program, with what is proposed") as step:
        try:
            refuse_broken_stack(file, sections)
        except ProblemReport as report:
            refused = list(report.problems)
            step.result = f"refused: {len(refused)} problems"
    judged = replace(judged, difference=file.difference(text), refused=refused)
    return Optimised(judged=judged, file=file, text=text)


def judge(
    workloads: Sequence[SizedWorkload], used: Mapping[str, Usage], asked: OptimiseOptions
) -> Assessment:
    """The proposals of the workloads with enough data.

    Raises:
        ProblemReport: none has.
    """
    unjudged = list(_without_data(workloads, used, asked))
    left_out = {problem.path for problem in unjudged}
    judged = [one for one in workloads if one.name not in left_out]
    if not judged:
        raise ProblemReport(unjudged)
    return Assessment(
        proposals=[propose(one, used[one.name], asked.margins) for one in judged],
        unjudged=unjudged,
    )


def _without_data(
    workloads: Sequence[SizedWorkload], used: Mapping[str, Usage], asked: OptimiseOptions
) -> Iterator[Problem]:
    for one in workloads:
        usage = used.get(one.name)
        if usage is None and asked.sample:
            yield Problem(
                one.name,
                f"the API server has no metrics of its container {one.container}",
                "nothing is proposed for it",
                f"kubectl -n {one.namespace} top pods --containers says what it has",
            )
        elif usage is None:
            needs = "metrics of its container" if not one.one_process else "its metrics"
            yield Problem(
                one.name,
                f"there is no data about it in {_time(asked.window)}: Prometheus needs {needs}",
                "nothing is proposed for it",
                "use --sample 10m, or --prometheus with one that reads the kubelets' metrics "
                "(cAdvisor)",
            )
        elif usage.hours * 3600 < asked.at_least:
            yield Problem(
                one.name,
                f"there are {_time(usage.hours * 3600)} of data, less than {_time(asked.at_least)}",
                "a busier time may be missing: nothing is proposed for it",
                "run this again later, or say with --at-least that less is enough",
            )


def _time(seconds: float) -> str:
    for unit, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size or unit == "minutes":
            return f"{seconds / size:.3g} {unit}"
    raise AssertionError(seconds)


@contextmanager
def _prometheus(
    stack: StackIdentity, request: str | None, config: StackConfig, asked: OptimiseOptions
) -> Generator[Prometheus]:
    """The Prometheus of the stack, or the one that was named."""
    if asked.prometheus is not None:
        yield asked.prometheus
    elif config.observability.kind == "standalone":
        namespace, secret = config.monitoring_namespace, config.secrets.internal_ca
        kubectl = cluster_of(stack, request, consequence=NOT_KNOWN)
        login = own_login(config)
        with forwarded(kubectl, namespace, PROMETHEUS, PORT, secret, login=login) as found:
            yield found
    elif (api := config.observability.prometheus) and not (api.token or api.ca):
        yield Prometheus(url=api.address.rstrip("/"))
    else:
        raise ProblemReport(
            [
                Problem(
                    f"stack {stack.name}",
                    f"its observability.kind is {config.observability.kind}, which says no address "
                    "of a Prometheus that can be asked from here",
                    NOT_KNOWN,
                    "forward a port of yours (kubectl port-forward) and name it: --prometheus "
                    "http://127.0.0.1:9090; or use --sample 10m",
                )
            ]
        )
