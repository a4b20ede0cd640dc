"""The decisions of a release, in any order of observations, faults and clicks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from containers import rollout
from containers.rollout import IN_WORK, SETTLED, STRENGTH, StepView, View, decide

WISHES = ("pause", "resume", "cancel", "rollback")


def steps_of(count: int, size: int) -> list[StepView]:
    return [StepView(n, n % 3, 0 if n == 0 else 1 + (n - 1) // size, n) for n in range(count)]


@dataclass
class World:
    """A pretended runner: carries actions out, with whatever ends `draw` gives, and checks the promises all the time."""

    view: View
    steps: dict[int, StepView]
    now: float = 0.0
    undoing: set[int] = field(default_factory=set)
    started_batches: list[int] = field(default_factory=list)

    def out_of_service(self) -> int:
        """Instances that we took out and have not brought back (undo failures are faults, not promises)."""
        return sum(s.touched and (s.state in IN_WORK or s.state in {"failed", "undoing"}) for s in self.steps.values())

    def turn(self) -> str | None:
        """Carries out one round of decisions; the end state if the release ends."""
        actions = decide(self.view, list(self.steps.values()), self.now)
        assert actions, "an active release always has something to do or to wait for"
        for action in actions:
            match action:
                case rollout.Become(state):
                    asked = "" if action.clear_asked else self.view.asked
                    self.view = replace(self.view, state=state, asked=asked)
                case rollout.Pull(host):
                    if self.view.pulls[host] == "waiting":
                        self.view.pulls[host] = "pulling"
                case rollout.Run(pk):
                    if self.steps[pk].state == "waiting":
                        assert self.view.state == "running"
                        assert all(state == "done" for state in self.view.pulls.values()), "pulled ahead everywhere"
                        earlier = [s for s in self.steps.values() if s.batch < self.steps[pk].batch]
                        assert all(s.state in SETTLED for s in earlier), "the gate of the batch before"
                        self.steps[pk] = replace(self.steps[pk], state="creating", touched=True)
                        self.view = replace(self.view, rest_until=None)
                case rollout.Undo(pk):
                    if self.steps[pk].state != "undoing":
                        assert self.view.state == "rolling_back"
                        self.steps[pk] = replace(self.steps[pk], state="undoing")
                case rollout.Skip(pk):
                    self.steps[pk] = replace(self.steps[pk], state="skipped")
                case rollout.Rest(until):
                    self.view = replace(self.view, rest_until=until)
                case rollout.Wait():
                    pass
                case rollout.Finish(state):
                    return state
        assert self.out_of_service() <= self.view.size
        return None

    def happen(self, good: bool) -> None:
        """Something under way comes to its end: a pull, else a step."""
        for host, state in self.view.pulls.items():
            if state == "pulling":
                self.view.pulls[host] = "done" if good else "failed"
                return
        for pk, step in self.steps.items():
            if step.state in IN_WORK:
                self.steps[pk] = replace(step, state="done" if good else "failed")
                return
            if step.state == "undoing":
                self.steps[pk] = replace(step, state="undone" if good else "undo_fail")
                return


def make(count: int, size: int, pause: float, on_failure: str, pulls: bool) -> World:
    hosts = {n % 3: "waiting" for n in range(count)} if pulls else {}
    view = View("queued", size=size, pause=pause, on_failure=on_failure, pulls=hosts)
    return World(view, {step.pk: step for step in steps_of(count, size)})


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    count=st.integers(1, 9),
    size=st.integers(1, 4),
    pause=st.sampled_from([0.0, 5.0]),
    on_failure=st.sampled_from(["rollback", "stop"]),
    pulls=st.booleans(),
    events=st.lists(st.one_of(st.booleans(), st.sampled_from(WISHES), st.just("tick")), max_size=40),
)
def test_whatever_happens_it_keeps_its_promises_and_ends(
    count: int, size: int, pause: float, on_failure: str, pulls: bool, events: list[bool | str]
) -> None:
    world = make(count, size, pause, on_failure, pulls)
    for event in events:
        if world.turn() is not None:
            break
        if isinstance(event, bool):
            world.happen(event)
        elif event == "tick":
            world.now += 3
        elif STRENGTH[world.view.asked] <= STRENGTH[event]:
            world.view = replace(world.view, asked=event)
    for _round in range(20 * count + 60):  # nobody clicks any more, nothing breaks any more
        if world.view.state == "paused" and not world.view.asked:
            world.view = replace(world.view, asked="resume")
        end = world.turn()
        if end is not None:
            break
        world.now += 3
        world.happen(True)
    else:
        raise AssertionError(f"no end: {world.view} {world.steps}")
    states = {step.state for step in world.steps.values()}
    assert states <= SETTLED
    if end == "succeeded":
        assert states == {"done"}
    if end == "rolled_back":
        assert states <= {"undone", "skipped"}
    if end == "cancelled":
        assert "undoing" not in states


def test_the_first_healthy_one_opens_the_gate() -> None:
    world = make(5, 2, 0, "rollback", False)
    world.turn()
    world.turn()
    assert [s.state for s in world.steps.values()].count("creating") == 1
    world.happen(True)
    world.turn()
    assert [s.state for s in world.steps.values()] == ["done", "creating", "creating", "waiting", "waiting"]


def test_a_pull_that_fails_stops_nothing() -> None:
    world = make(3, 1, 0, "rollback", True)
    world.turn()
    world.turn()
    world.happen(False)
    ends = [world.turn() for _ in range(3)]
    assert "failed" in ends
    assert not any(step.touched for step in world.steps.values())


def test_the_pause_between_batches_is_kept() -> None:
    world = make(2, 1, 60, "rollback", False)
    world.turn()
    world.turn()
    world.happen(True)
    world.turn()
    assert world.view.rest_until == 60
    world.now = 59
    world.turn()
    assert world.steps[1].state == "waiting"
    world.now = 61
    world.turn()
    assert world.steps[1].state == "creating"


def test_a_restarted_runner_goes_on_with_what_was_in_work() -> None:
    view = View("running", size=2)
    steps = [StepView(1, 1, 0, 0, "done", True), StepView(2, 1, 1, 1, "stopping", True), StepView(3, 1, 1, 2)]
    assert rollout.Run(2) in decide(view, steps, 0)
