"""Commands of RUN instructions, and what several rules say of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from iachygiene.model import Edit, Finding, Fix, Span, at
from iachygiene.parse.dockerfile import (
    Command,
    Dockerfile,
    From,
    Instruction,
    Onbuild,
    Run,
    Stage,
    Use,
    Word,
)

_SHOWN = 4


def own_and_onbuild(
    dockerfile: Dockerfile,
) -> tuple[list[tuple[Instruction, str]], list[tuple[Instruction, str]]]:
    """The instructions, and apart from them those that ONBUILD holds, each with its stage.

    What ONBUILD holds runs in another build: what is set outside has no effect there.
    """
    own: list[tuple[Instruction, str]] = []
    triggers: list[tuple[Instruction, str]] = []
    for one in dockerfile.instructions:
        # A FROM in ONBUILD is refused by Docker; it begins no stage.
        if isinstance(one, Onbuild) and not isinstance(one.trigger, From):
            triggers.append((one.trigger, one.object))
        own.append((one, one.object))
    return own, triggers


def runs_that_matter(dockerfile: Dockerfile) -> Iterator[tuple[Run, str]]:
    """RUNs of the final stage, of stages built on, and in every ONBUILD.

    A stage that equals the final one word for word counts as that, as with hadolint.
    """
    images = {stage.image_name for stage in dockerfile.stages}
    final = dockerfile.final_stage
    for stage in dockerfile.stages:
        same = final is not None and _written(stage) == _written(final)
        matters = same or stage.name in images
        for instruction in stage.instructions:
            if isinstance(instruction, Run) and matters:
                yield instruction, stage.object
    for instruction in dockerfile.of("ONBUILD"):
        if isinstance(instruction, Onbuild) and isinstance(instruction.trigger, Run):
            yield instruction.trigger, instruction.object


def _written(stage: Stage) -> tuple[str, str, str]:
    flag = stage.base.flag("platform")
    return stage.image.text, stage.name, flag.value if flag else ""


class StageNames:
    """Names under which hadolint keeps what it knows of a stage.

    That is the stage's name or, without one, its image's; a stage starts with what is kept
    under the name of its image. `alias` is the former alone, "" where there is none.
    """

    def __init__(self, dockerfile: Dockerfile) -> None:
        self._stages = iter(dockerfile.stages)
        self.current = ""
        self.alias = ""

    def enter(self, instruction: Instruction) -> str | None:
        """Follow a FROM and give the name whose state it inherits; None for all else."""
        if not isinstance(instruction, From):
            return None
        stage = next(self._stages)
        self.alias = stage.name
        self.current = stage.name or stage.image_name
        return stage.image_name


def unpinned(use: Use, words: list[Word], what: str = "has no version") -> Iterator[Finding]:
    """One finding at the first of the packages of a command that nothing pins, if any."""
    if not words:
        return
    names = [f'"{word.text}"' for word in words]
    if len(names) > _SHOWN:
        names[_SHOWN:] = [f"{len(names) - _SHOWN} more"]
    listed = " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
    verb = what if len(words) == 1 else what.replace("has ", "have ", 1)
    yield at(words[0], f"{listed} {verb}", object=use.object)


def insertion(use: Use, after: str, text: str, *, safe: bool = True) -> Fix | None:
    """The fix that writes an option behind a word of the command; none in the JSON form."""
    if use.run.exec_form is not None:
        return None
    word = next((word for word in use.command.words if word.text == after), None)
    if word is None or word.raw != after:
        return None
    end = word.location.span.end
    return Fix(f"add {text}", (Edit(Span(end, end), f" {text}"),), safe)


def first_index(commands: Iterable[bool]) -> int | None:
    """The place of the first true value."""
    return next((place for place, found in enumerate(commands) if found), None)


def uncleaned(commands: list[Command], installs: list[bool], cleans: list[bool]) -> Command | None:
    """The first install where the first cleaning does not come after it."""
    install, clean = first_index(installs), first_index(cleans)
    if install is None or (clean is not None and clean > install):
        return None
    return commands[install]
