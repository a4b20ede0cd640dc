"""What a train does next, whatever happens to its releases and whatever people click."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from containers.trains.deciding import Action, CarView, TrainView, decide

OVER = {"succeeded", "failed", "rolled_back", "cancelled"}


@dataclass
class Yard:
    """A train among releases that go as they like: each may be refused, wait, fail at any point, or be cancelled by others."""

    train: TrainView
    cars: list[CarView]
    draw: Any
    begun: list[int] = field(default_factory=list)  # stages, in the order in which their releases were made

    def act(self, action: Action) -> None:
        if action.kind in {"turn", "end"}:
            self.train = replace(self.train, state=action.state, stage=action.stage or self.train.stage)
            return
        at = next(n for n, car in enumerate(self.cars) if car.pk == action.car)
        car = self.cars[at]
        if action.kind == "release":
            assert car.release == "new", "never twice"
            earlier = [c for c in self.cars if c.stage < car.stage]
            assert all(c.release in {"good", "bad"} for c in earlier), "a stage began before the one before was over"
            assert self.train.state == "running", "nothing begins unless the train runs"
            self.begun.append(car.stage)
            car = replace(car, release=self.draw(st.sampled_from(["queued", "queued", "bad"])))
        elif action.kind == "cancel":
            assert car.release == "queued"
            car = replace(car, release="bad")
        elif action.kind == "roll back":
            assert car.release == "running"
            # It may be refused: then it is left to itself.
            car = self.draw(st.sampled_from([replace(car, release="turning"), replace(car, back="failed")]))
        elif action.kind == "return":
            assert car.touched
            assert not car.back, "it is brought back once"
            car = replace(car, back=self.draw(st.sampled_from(["queued", "failed"])))
        else:
            assert action.kind == "cancel back"
            assert car.back == "queued"
            car = replace(car, back="failed")
        self.cars[at] = car

    def settle(self) -> None:
        """All that the train does now; it must come to rest."""
        for _n in range(20 + 6 * len(self.cars)):
            action = decide(self.train, self.cars)
            if action is None:
                return
            self.act(action)
        raise AssertionError("it never rests")

    def happen(self) -> bool:
        """Something that is open goes on; False when nothing is."""
        moves: list[tuple[int, CarView]] = []
        for at, car in enumerate(self.cars):
            ways: dict[str, list[CarView]] = {
                "queued": [replace(car, release="running"), replace(car, release="bad")],
                "running": [
                    replace(car, release="good", touched=True),
                    replace(car, release="bad"),
                    replace(car, release="bad", touched=True),
                ],
                "turning": [replace(car, release="bad"), replace(car, release="good", touched=True)],
            }
            moves += [(at, way) for way in ways.get(car.release, [])]
            if car.back == "queued":
                moves.append((at, replace(car, back="running")))
            if car.back == "running":
                moves += [(at, replace(car, back=end)) for end in ("done", "failed")]  # type: ignore[arg-type]
        if not moves:
            return False
        at, car = self.draw(st.sampled_from(moves))
        self.cars[at] = car
        return True

    def click(self) -> None:
        state, to = self.train.state, self.draw(st.sampled_from(["pause", "continue", "abort", "rollback"]))
        if to == "pause" and state == "running":
            self.train = replace(self.train, state="paused")
        elif to == "continue" and state == "paused":
            self.train = replace(self.train, state="running")
        elif to == "abort" and state in {"running", "paused", "rolling_back"}:
            self.train = replace(self.train, state="stopping", aborted=True)
        elif to == "rollback" and state in {"running", "paused", "stopping"}:
            reached = max((c.stage for c in self.cars if c.release != "new"), default=1)
            self.train = replace(self.train, state="rolling_back", stage=reached, aborted=True)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_it_always_ends_and_no_stage_begins_too_early(data: st.DataObject) -> None:
    stages = data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=6))
    policy = data.draw(st.sampled_from(["stop", "rollback", "go_on"]))
    yard = Yard(TrainView("running", policy), [CarView(n, s) for n, s in enumerate(stages, 1)], data.draw)
    clicks = data.draw(st.integers(0, 4))
    for _n in range(200):
        yard.settle()
        if yard.train.state in OVER:
            break
        if clicks and data.draw(st.booleans()):
            clicks -= 1
            yard.click()
        elif not yard.happen() and yard.train.state == "paused":
            yard.train = replace(yard.train, state="running")  # a person lets it go on at last
    assert yard.train.state in OVER
    assert not any(car.open or car.back in {"queued", "running"} for car in yard.cars), "what it began is over"
    assert yard.begun == sorted(yard.begun)
    if yard.train.state == "succeeded":
        assert all(car.release == "good" for car in yard.cars)
    if yard.train.state == "rolled_back":
        mine = [car for car in yard.cars if car.stage == yard.train.stage and car.touched]
        assert all(car.back == "done" for car in mine)


def cars(*states: str) -> list[CarView]:
    """«1 good», «2 new» …"""
    found = []
    for pk, text in enumerate(states, 1):
        stage, release = text.split()
        found.append(CarView(pk, int(stage), release, touched=release == "good"))  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize(
    ("policy", "states", "what"),
    [
        ("stop", ["1 good", "1 running", "2 new"], None),
        ("stop", ["1 good", "1 good", "2 new"], Action("release", 3)),
        ("stop", ["1 bad", "1 running", "2 new"], Action("turn", state="stopping", stage=1)),
        ("rollback", ["1 good", "2 good", "2 bad", "3 new"], Action("turn", state="rolling_back", stage=2)),
        ("go_on", ["1 bad", "2 new"], Action("release", 2)),
        ("go_on", ["1 bad", "2 good"], Action("end", state="failed")),
        ("stop", ["1 good", "2 good"], Action("end", state="succeeded")),
    ],
)
def test_what_a_failed_release_means(policy: str, states: list[str], what: Action | None) -> None:
    assert decide(TrainView("running", policy), cars(*states)) == what


def test_a_stage_that_goes_back_leaves_the_earlier_ones() -> None:
    train = TrainView("rolling_back", "rollback", stage=2)
    found = cars("1 good", "2 good", "2 bad")
    assert decide(train, found) == Action("return", 2)
    found[1] = replace(found[1], back="done")
    assert decide(train, found) == Action("end", state="rolled_back")
