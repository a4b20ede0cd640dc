"""The promises of every strategy, in any order of observations, faults and clicks; always at an end."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from containers import rollout
from containers.rollout import HALTED, HALTING, IN_WORK, SETTLED, STRENGTH, Noted, StepView, View, clicks, decide

CANARY = 2


def steps_of(strategy: str, count: int, size: int) -> list[StepView]:
    if strategy == "recreate":
        return [StepView(n, n % 3, 0, n) for n in range(count)]
    if strategy == "blue-green":
        new = [StepView(n, n % 3, 0 if n == 0 else 1, n, side="new") for n in range(count)]
        return [*new, *(StepView(count + n, n % 3, 2, count + n, side="old") for n in range(count))]
    if strategy == "canary":
        return [StepView(n, n % 3, n if n < CANARY else CANARY + (n - CANARY) // size, n) for n in range(count)]
    return [StepView(n, n % 3, 0 if n == 0 else 1 + (n - 1) // size, n) for n in range(count)]


@dataclass
class World:
    """A pretended runner. It carries actions out and checks at each of them what must hold."""

    view: View
    steps: dict[int, StepView]
    now: float = 0.0
    end: str = ""
    canary_since: float | None = None
    runs: dict[int, str] = field(default_factory=dict)  # recreate: which version runs in the instance
    traffic: set[str] = field(default_factory=lambda: {"old"})  # the sides that may have it

    def __post_init__(self) -> None:
        self.runs = {pk: "old" for pk in self.steps}

    def put(self, pk: int, state: str, **more: object) -> None:
        self.steps[pk] = replace(self.steps[pk], state=state, **more)  # type: ignore[arg-type]

    def turn(self) -> None:
        if self.end:
            return
        actions = decide(self.view, list(self.steps.values()), self.now)
        assert actions, "an active release always has something to do or to wait for"
        for action in actions:
            self.carry_out(action)

    def carry_out(self, action: rollout.Action) -> None:
        match action:
            case rollout.Become(state):
                asked = "" if action.clear_asked else self.view.asked
                rests = self.view.noted is not None and self.view.noted.kind in {"failed", "switch_failed"}
                noted = Noted(action.hold, -1) if action.hold else self.view.noted
                if not action.hold and (rests or state == "rolling_back"):
                    noted = None
                self.view = replace(self.view, state=state, asked=asked, noted=noted)
            case rollout.Pull(host):
                self.view.pulls[host] = "pulling" if self.view.pulls[host] == "waiting" else self.view.pulls[host]
            case rollout.Run(pk):
                self.run(pk)
            case rollout.Halt(pk):
                self.halt(pk)
            case rollout.Undo(pk):
                self.undo(pk)
            case rollout.Skip(pk):
                assert not self.steps[pk].touched, "what was touched is brought back or finished"
                self.put(pk, "skipped")
            case rollout.Rest(until):
                self.view = replace(self.view, rest_until=until)
            case rollout.Hold(kind, batch, until):
                self.view = replace(self.view, noted=Noted(kind, batch, until))
                if kind == "canary":
                    self.canary_since = self.now
            case rollout.Switch(to):
                self.switch(to)
            case rollout.Finish(state):
                self.end = state

    def run(self, pk: int) -> None:
        step = self.steps[pk]
        if step.state not in {"waiting", HALTED}:
            return
        assert all(state == "done" for state in self.view.pulls.values()), "pulled ahead everywhere"
        if not step.touched and step.side != "old":
            self.begins(step)
        if self.view.strategy == "blue-green" and step.side == "old":
            assert self.traffic == {"new"}, "an old one is removed only when nobody is sent to it"
        self.runs[pk] = "new"
        self.put(pk, "creating", touched=True)
        self.view = replace(self.view, rest_until=None, noted=None)

    def begins(self, step: StepView) -> None:
        """What must be so when an instance is touched for the first time."""
        view = self.view
        cancelled = view.asked == "cancel"
        assert view.state == "running" or cancelled or view.strategy == "recreate"
        earlier = [s for s in self.steps.values() if s.batch < step.batch and s.side != "old"]
        assert all(s.state in SETTLED for s in earlier), "the gate of the batch before"
        after = view.hold_after if view.strategy == "canary" else None
        if (
            after is not None
            and step.batch > after
            and not any(s.touched and s.batch > after for s in self.steps.values())
        ):
            over = view.hold and self.canary_since is not None and self.now >= self.canary_since + view.hold
            assert view.passed >= after or over, "the canary's hold"
        if any(s.batch == step.batch and s.touched for s in self.steps.values()):
            return
        over = view.held_until is not None and self.now >= view.held_until
        assert not view.held_why or over, "nothing new begins in a freeze"
        if earlier and max(s.batch for s in earlier) > view.passed:
            assert view.gate in {"", "continue"}, "the gate's verdict"

    def halt(self, pk: int) -> None:
        if self.steps[pk].state != HALTING:
            assert self.view.strategy == "recreate" or (self.steps[pk].side == "old" and self.traffic == {"new"})
            self.put(pk, HALTING, touched=True)

    def undo(self, pk: int) -> None:
        step = self.steps[pk]
        if step.state == "undoing":
            return
        if self.view.strategy == "blue-green" and step.side == "new":
            assert self.traffic == {"old"}, "a new one goes only when nobody is sent to it"
        if self.view.strategy == "recreate":
            assert self.runs[pk] != "new", "it was stopped first"
        self.runs[pk] = "old"
        self.put(pk, "undoing")

    def switch(self, to: str) -> None:
        if to == "new":
            assert all(s.state in {"done", "skipped"} for s in self.steps.values() if s.side == "new")
            self.view = replace(self.view, switch="switching")
        else:
            assert all(s.state in {"skipped", "undone"} for s in self.steps.values() if s.side == "old")
            self.view = replace(self.view, switch="switching_back")
        self.traffic = {"old", "new"}

    def happen(self, good: bool, which: int = 0) -> None:
        """Something under way comes to its end: a pull, the switch, or one of the steps."""
        for host, state in self.view.pulls.items():
            if state == "pulling":
                self.view.pulls[host] = "done" if good else "failed"
                return
        if self.view.switch in {"switching", "switching_back"}:
            self.switched(good)
            return
        busy = [s for s in self.steps.values() if s.state in IN_WORK or s.state in {"undoing", HALTING}]
        if not busy:
            return
        step = busy[which % len(busy)]
        back = self.view.state == "rolling_back"
        if step.state == "undoing":
            self.runs[step.pk] = "old" if good else ""
            self.put(step.pk, "undone" if good else "undo_fail")
        elif step.state == HALTING:
            self.runs[step.pk] = "" if good or back else self.runs[step.pk]
            self.put(step.pk, HALTED if good else "undo_fail" if back else "failed")
        else:
            self.put(step.pk, "done" if good else "failed")

    def switched(self, good: bool) -> None:
        if self.view.switch == "switching":
            self.view = replace(self.view, switch="switched" if good else "failed")
            self.traffic = {"new"} if good else {"old", "new"}
        else:
            self.view = replace(self.view, switch="back" if good else "back_fail")
            self.traffic = {"old"} if good else {"old", "new"}

    # --- Clicks --------------------------------------------------------------------------------------------------

    def ask(self, wish: str) -> None:
        stays = {"pause": {"queued", "running"}, "resume": {"paused"}}.get(wish, {"queued", "running", "paused"})
        if self.end or self.view.state not in stays or STRENGTH[self.view.asked] > STRENGTH[wish]:
            return
        if wish == "resume" and self.view.switch == "failed":
            self.view = replace(self.view, switch="")
        self.view = replace(self.view, asked=wish)

    def proceed(self) -> None:
        if self.end or clicks.proceed(self.view) or self.view.noted is None:
            return
        if self.view.noted.kind in {"switch", "switch_back"}:
            going = {"switch": "switching", "switch_back": "switching_back"}[self.view.noted.kind]
            self.view = replace(self.view, switch=going, noted=None)
            self.traffic = {"old", "new"}
        else:
            self.view = replace(self.view, passed=self.view.noted.batch, noted=None)

    def skip(self, pk: int) -> None:
        step = self.steps[pk]
        if self.end or clicks.skip(self.view, step):
            return
        if step.touched:
            self.steps[pk] = replace(step, asked="left" if step.lost else "skip")
        else:
            self.put(pk, "skipped")
        self.goes_on()

    def retry(self, pk: int) -> None:
        if self.end or clicks.retry(self.view, self.steps[pk]):
            return
        self.put(pk, "failed" if self.steps[pk].lost else "waiting")
        self.goes_on()

    def goes_on(self) -> None:
        """As the verbs do: the last failed one that is seen to lets a release go on that rests for it."""
        rests = self.view.noted is not None and self.view.noted.kind == "failed"
        failed = any((s.state == "failed" and not s.asked) or s.lost for s in self.steps.values())
        if self.view.state == "paused" and rests and not failed and not self.view.asked:
            self.view = replace(self.view, asked="resume")

    # --- Promises ------------------------------------------------------------------------------------------------

    def check(self) -> None:
        steps = self.steps.values()
        if self.view.strategy in {"rolling", "canary"}:
            well = {"done", "undone", "skipped"} | ({"undo_fail"} if self.view.state == "rolling_back" else set())
            out = [s for s in steps if s.touched and s.state not in well and s.asked != "left"]
            assert len(out) <= self.view.size, "never more out of service than was promised"
        if self.view.strategy == "recreate":
            assert len({runs for runs in self.runs.values() if runs}) <= 1, "never an old one beside a new one"
        if self.view.strategy == "blue-green":
            serves = {"waiting", "skipped", "undone", "done", "undo_fail"}
            if "old" in self.traffic:
                assert all(s.state in serves - {"done"} for s in steps if s.side == "old") or self.traffic == {
                    "old",
                    "new",
                }
            if self.traffic == {"new"}:
                assert all(s.state in {"done", "skipped"} for s in steps if s.side == "new")

    def drive(self) -> None:
        """Nobody breaks anything any more, and somebody clicks what waits for a click."""
        self.view = replace(self.view, gate="continue", held_why="")
        for _round in range(30 * len(self.steps) + 120):
            self.turn()
            self.check()
            if self.end:
                return
            self.now += 30
            self.happen(True)
            for pk in self.steps:
                self.retry(pk)
            rests = self.view.noted is not None and self.view.noted.kind in {"failed", "switch_failed"}
            if self.view.state == "paused" and not self.view.asked:
                self.ask("rollback" if rests else "resume")
            self.proceed()
        raise AssertionError(f"no end: {self.view} {self.steps}")


def make(strategy: str, **fields: object) -> World:
    count, size, with_pulls = fields.pop("count", 4), fields.pop("size", 2), fields.pop("pulls", False)
    assert isinstance(count, int)
    assert isinstance(size, int)
    steps = steps_of(strategy, count, size)
    last = CANARY - 1 if strategy == "canary" else None
    pulls = {s.host: "waiting" for s in steps} if with_pulls else {}
    many = len(steps) if strategy in {"recreate", "blue-green"} else size
    view = View("queued", size=many, strategy=strategy, hold_after=last, pulls=pulls, **fields)  # type: ignore[arg-type]
    return World(view, {step.pk: step for step in steps})


class Machine(RuleBasedStateMachine):
    world: World

    @initialize(
        strategy=st.sampled_from(["rolling", "canary", "recreate", "blue-green"]),
        count=st.integers(1, 6),
        size=st.integers(1, 3),
        pause=st.sampled_from([0.0, 5.0]),
        hold=st.sampled_from([0.0, 60.0]),
        on_failure=st.sampled_from(["rollback", "stop", "hold"]),
        pulls=st.booleans(),
        switch_by=st.sampled_from(["click", "auto"]),
        keep=st.sampled_from([0.0, 60.0]),
        keep_running=st.booleans(),
    )
    def begin(self, strategy: str, **fields: object) -> None:
        self.world = make(strategy, **fields)

    @rule()
    def turn(self) -> None:
        self.world.turn()

    @rule(which=st.integers(0, 5))
    def works(self, which: int) -> None:
        self.world.happen(True, which)
        self.world.turn()

    @rule(which=st.integers(0, 5))
    def breaks(self, which: int) -> None:
        self.world.happen(False, which)

    @rule(seconds=st.sampled_from([3.0, 61.0]))
    def time(self, seconds: float) -> None:
        self.world.now += seconds
        self.world.turn()

    @rule(wish=st.sampled_from(["pause", "resume", "cancel", "rollback"]))
    def ask(self, wish: str) -> None:
        self.world.ask(wish)

    @rule()
    def proceed(self) -> None:
        self.world.proceed()

    @rule(pk=st.integers(0, 11))
    def skip(self, pk: int) -> None:
        if pk in self.world.steps:
            self.world.skip(pk)

    @rule(pk=st.integers(0, 11))
    def retry(self, pk: int) -> None:
        if pk in self.world.steps:
            self.world.retry(pk)

    @rule(gate=st.sampled_from(["", "measuring", "continue", "hold", "roll back"]))
    def gate(self, gate: str) -> None:
        self.world.view = replace(self.world.view, gate=gate)

    @precondition(lambda self: not self.world.end)
    @rule(why=st.sampled_from(["", "market hours"]), until=st.sampled_from([None, 90.0]))
    def freeze(self, why: str, until: float | None) -> None:
        until = None if until is None else self.world.now + until
        self.world.view = replace(self.world.view, held_why=why, held_until=until)

    @invariant()
    def promises(self) -> None:
        if hasattr(self, "world"):
            view = self.world.view
            if view.held_until is not None and self.world.now >= view.held_until:
                self.world.view = replace(view, held_why="", held_until=None)
            self.world.check()

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self.world.drive()
        states = {step.state for step in self.world.steps.values()}
        assert states <= SETTLED
        assert self.world.end in {"succeeded", "failed", "rolled_back", "cancelled"}
        if self.world.end == "rolled_back":
            assert states <= {"undone", "skipped"}


TestPromises = Machine.TestCase
TestPromises.settings = settings(
    max_examples=150, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)


def run(world: World, until: str = "") -> World:
    """Everything succeeds, nobody clicks; until it ends or is held by `until`."""
    for _round in range(80):
        world.turn()
        world.check()
        if world.end or (until and world.view.noted is not None and world.view.noted.kind == until):
            return world
        world.happen(True)
    raise AssertionError(f"neither an end nor «{until}»: {world.view}")


def states(world: World) -> list[str]:
    return [step.state for step in world.steps.values()]


def test_a_canary_waits_for_a_click() -> None:
    world = run(make("canary"), "canary")
    world.now = 1e6
    world.turn()
    assert states(world) == ["done", "done", "waiting", "waiting"]
    world.proceed()
    assert run(world).end == "succeeded"


def test_a_canary_holds_for_its_time_and_no_longer() -> None:
    world = run(make("canary", hold=60.0), "canary")
    world.now = 59
    world.turn()
    assert states(world)[2:] == ["waiting", "waiting"]
    world.now = 60
    assert run(world).end == "succeeded"


def test_the_same_hold_stands_after_a_death() -> None:
    world = run(make("canary", hold=60.0), "canary")
    again = decide(world.view, list(world.steps.values()), 30)
    assert again == [rollout.Wait(60)]


def test_who_leaves_instances_out_beforehand_does_not_pass_the_canary_by() -> None:
    world = make("canary", count=6)
    for left_out in (2, 4):
        world.skip(left_out)
    run(world, "canary")
    assert states(world) == ["done", "done", "skipped", "waiting", "skipped", "waiting"]


def test_a_gate_that_measures_after_the_hold_does_not_begin_the_hold_anew() -> None:
    world = run(make("canary", hold=60.0), "canary")
    world.now, world.view = 61, replace(world.view, gate="measuring")
    world.turn()
    assert world.view.noted == Noted("measuring", 1)
    world.view = replace(world.view, gate="continue")
    assert run(world).end == "succeeded"


@pytest.mark.parametrize("strategy", ["rolling", "canary", "blue-green"])
def test_a_gate_rolls_back(strategy: str) -> None:
    world = run(make(strategy, gate="hold"), "gate")
    world.view = replace(world.view, gate="roll back")
    world.turn()
    assert world.view.state == "rolling_back"
    assert run(world).end == "rolled_back"


def test_the_last_batch_is_judged_too() -> None:
    world = make("rolling", count=1, gate="measuring")
    run(world, "measuring")
    assert states(world) == ["done"]
    world.view = replace(world.view, gate="roll back")
    assert run(world).end == "rolled_back"


def test_a_freeze_holds_what_has_not_begun_and_no_way_back() -> None:
    world = make("rolling", held_why="market hours", held_until=100.0)
    run(world, "freeze")
    world.proceed()
    world.turn()
    assert set(states(world)) == {"waiting"}
    world.now = 100
    run(world)
    assert world.end == "succeeded"


def failing(world: World) -> World:
    world.turn()
    world.turn()
    world.happen(False)
    world.turn()
    return world


def test_a_failure_that_holds_rests_until_it_is_tried_again() -> None:
    world = failing(make("rolling", on_failure="hold"))
    assert (world.view.state, world.view.noted) == ("paused", Noted("failed", -1))
    world.retry(0)
    assert run(world).end == "succeeded"
    assert set(states(world)) == {"done"}


def test_a_failed_one_that_is_left_out_is_as_before_and_the_others_go_on() -> None:
    world = failing(make("rolling", on_failure="hold"))
    world.skip(0)
    assert run(world).end == "succeeded"
    assert states(world) == ["undone", "done", "done", "done"]


def test_one_that_could_not_be_brought_back_is_out_of_service_until_somebody_says_so() -> None:
    world = failing(make("rolling", on_failure="hold", size=1))
    world.skip(0)
    for _turn in range(4):
        world.turn()
    world.happen(False)
    world.turn()
    assert states(world) == ["undo_fail", "waiting", "waiting", "waiting"]
    assert (world.view.state, world.view.noted) == ("paused", Noted("failed", -1))
    again = copy.deepcopy(world)
    again.retry(0)
    assert run(again).end == "succeeded"
    assert states(again) == ["undone", "done", "done", "done"]
    world.skip(0)
    assert run(world).end == "succeeded"
    assert states(world) == ["undo_fail", "done", "done", "done"]


def test_what_is_under_way_cannot_be_left_out() -> None:
    view = View("running")
    assert clicks.skip(view, StepView(1, 1, 0, 0, "starting", True)) == "under way"
    assert clicks.skip(view, StepView(1, 1, 0, 0, "done", True)) == "settled"
    assert clicks.skip(replace(view, state="succeeded"), StepView(1, 1, 0, 0)) == "ended"
    assert clicks.skip(replace(view, asked="rollback"), StepView(1, 1, 0, 0)) == "leaving"
    assert clicks.retry(replace(view, on_failure="hold"), StepView(1, 1, 0, 0, "done")) == "not failed"
    assert clicks.proceed(replace(view, noted=Noted("freeze", 0))) == "freeze"
    assert clicks.proceed(view) == "nothing"


def test_recreate_stops_all_before_it_starts_one() -> None:
    world = make("recreate")
    world.turn()
    world.turn()
    assert set(states(world)) == {HALTING}
    for _one in range(3):
        world.happen(True)
    world.turn()
    assert sorted(set(states(world))) == [HALTING, HALTED]
    world.happen(True)
    world.turn()
    assert set(states(world)) == {"creating"}
    assert run(world).end == "succeeded"


def test_a_recreate_that_has_begun_is_not_paused_while_all_are_stopped() -> None:
    world = make("recreate")
    world.turn()
    world.turn()
    world.ask("pause")
    for _round in range(30):
        world.turn()
        world.happen(True)
    assert (set(states(world)), world.view.state) == ({"done"}, "paused")


def test_a_recreate_cancelled_in_time_leaves_the_old_ones() -> None:
    world = make("recreate")
    world.turn()
    world.turn()
    world.happen(True)
    world.ask("cancel")
    assert run(world).end == "cancelled"
    assert set(states(world)) == {"undone"}


def test_blue_green_touches_no_old_one_before_the_switch() -> None:
    world = run(make("blue-green", count=3), "switch")
    assert states(world) == ["done"] * 3 + ["waiting"] * 3
    world.ask("rollback")
    assert run(world).end == "rolled_back"
    assert states(world) == ["undone"] * 3 + ["skipped"] * 3


def test_blue_green_keeps_the_old_ones_for_the_way_back() -> None:
    world = run(make("blue-green", count=2, switch_by="auto", keep=60.0, keep_running=False), "keep")
    assert states(world) == ["done"] * 2 + [HALTED] * 2
    world.ask("rollback")
    run(world)
    assert (world.end, states(world)) == ("rolled_back", ["undone"] * 4)


def test_blue_green_removes_the_old_ones_after_their_time() -> None:
    world = run(make("blue-green", count=2, switch_by="auto", keep=60.0), "keep")
    world.now += 60
    assert run(world).end == "succeeded"
    assert set(states(world)) == {"done"}
