"""Base class of components: reads args, names children, sets their parent, registers outputs."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, TypeVar, cast, get_origin

import pulumi

from .arg_forms import NAME
from .arguments import arguments
from .constraints import Form, shown
from .image_reference import placeholder_problems
from .problems import Problem, ProblemReport
from .refusal import Refused, refuse
from .tokens import FORMER_TOKENS, type_token

Args = TypeVar("Args")


class Component(pulumi.ComponentResource, Generic[Args]):
    """A ComponentResource whose children share one naming rule and whose outputs are registered.

    A subclass names its dataclass in ``args_type``, annotates each output as
    ``name: pulumi.Output[T]`` and creates its children in ``build``. Its type token is
    ``tokens.type_token`` of the class's name.
    """

    args_type: ClassVar[type[Any]]
    name_form: ClassVar[Form] = NAME
    """The form of the component's name; names of its resources are derived from it."""
    name_field: ClassVar[str | None] = None
    """Field of the args with the physical name, if that differs from the component's name."""

    def __init__(
        self,
        name: str,
        args: Args | Mapping[str, Any],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Registers the component and its children.

        Args:
            name: logical name; every child's name starts with it.
            args: the component's dataclass, or a mapping with the same fields (camelCase or
                snake_case), as other Pulumi languages hand them over.
            opts: the caller's options. Children inherit them through their parent; they are
                never merged into a child's own options.

        Raises:
            Refused: a name or args that cannot work, all of them at once. Pulumi prints the message
                without a traceback.
        """
        cls = type(self)
        at = _path(name) or cls.__name__
        made: Args = arguments(
            cls.args_type,
            args,
            at=at,
            found=[*cls.name_problems(name, args), *_options_problems(name, opts)],
        )
        if not pulumi.runtime.is_dry_run():  # a preview may show what is not pushed yet
            refuse(placeholder_problems(made, at))
        super().__init__(type_token(cls.__name__), name, {}, _with_former_token(cls, opts))
        self.name = name
        try:
            self.build(made)
        except ProblemReport as report:
            raise Refused(report.problems) from None
        self.register_outputs({output: getattr(self, output) for output in cls.outputs()})

    def build(self, args: Args) -> None:
        """Creates the children and sets every annotated output."""
        raise NotImplementedError

    @classmethod
    def name_problems(cls, name: object, args: object) -> list[Problem]:
        """The problems of the component's name; empty if it is valid."""
        form = cls.name_form
        if cls.name_field and isinstance(args, (cls.args_type, Mapping)):
            written = cast("Mapping[str, Any]", args if isinstance(args, Mapping) else vars(args))
            form = NAME if written.get(cls.name_field) else form
        problem = form.problem(f"{cls.__name__}({shown(name)})", name)
        return [problem] if problem else []

    @classmethod
    def outputs(cls) -> list[str]:
        """Names annotated ``pulumi.Output[...]``, base classes first, in the order written."""
        names: dict[str, None] = {}
        bases: list[type[Any]] = [base for base in reversed(cls.__mro__) if base is not Component]
        for base in filter(lambda each: issubclass(each, Component), bases):
            hints = inspect.get_annotations(base, eval_str=True)
            names |= {n: None for n, hint in hints.items() if get_origin(hint) is pulumi.Output}
        return list(names)

    def named(self, role: str) -> str:
        """Logical name of the child that plays ``role``."""
        return f"{self.name}-{role}"

    def owned(self, *, protect: bool = False, **options: Any) -> pulumi.ResourceOptions:
        """Options of a child: this component is its parent.

        The caller's options are not merged in: a child inherits them through its parent.

        Args:
            protect: True protects the child. False leaves the option unset, because an explicit
                False would override ``protect=True`` of this component.
            options: other resource options of the child.
        """
        return pulumi.ResourceOptions(parent=self, protect=protect or None, **options)


def _path(name: object) -> str:
    """The name as the beginning of a path; empty where nobody could read it."""
    return name if isinstance(name, str) and name.isprintable() else ""


def _options_problems(name: object, opts: object) -> list[Problem]:
    if opts is None or isinstance(opts, pulumi.ResourceOptions):
        return []
    return [
        Problem(
            f"{_path(name)}.opts",
            f"is {shown(opts)}, not pulumi.ResourceOptions",
            "the options cannot be read",
            "write pulumi.ResourceOptions(...)",
        )
    ]


def _with_former_token(
    cls: type[Any], opts: pulumi.ResourceOptions | None
) -> pulumi.ResourceOptions | None:
    """The component's options with an alias to the type token that it had before, if any.

    Children inherit the alias: the type of a parent is part of their URNs.
    """
    former = FORMER_TOKENS.get(cls.__name__)
    if former is None:
        return opts
    alias = pulumi.ResourceOptions(aliases=[pulumi.Alias(type_=former)])
    return pulumi.ResourceOptions.merge(opts, alias)
