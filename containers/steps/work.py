"""A step's work: forward to the new release, or back to the old one."""

from __future__ import annotations

from containers import announcing, health, spec
from containers.ending import StepFailed
from containers.models import Container, Instance, KeptLog
from containers.steps import data, first_use, limits, making, naming, retiring, rising
from containers.steps.bench import Bench, Json, label
from hosts.engine import EngineError


class Work(Bench):
    """`forward` and `back` leave the step's row in one of its ended states."""

    # --- The two stories ------------------------------------------------------------------------------------------------

    def forward(self) -> None:
        """Does what the step's action says."""
        actions = {
            "replace": self._replace, "add": self._replace, "remove": self._remove, "restart": self._restart,
            "stop": self._stop, "start": self._start, "limits": lambda: limits.take(self),
        }  # fmt: skip
        try:
            self.around.begin()
            actions[self.step.action]()
        except (StepFailed, EngineError) as error:
            self._failed("failed", error)
        else:
            self.point("end")
            self.save(state="done", reason="")

    def back(self) -> None:
        """Brings the instance back to what it was before the step."""
        self.save(state="undoing")
        try:
            with self.timed("undo"):
                if self.step.action in {"replace", "add", "remove"}:
                    self._bring_back()
                elif self.step.action == "limits":
                    limits.give_back(self)
                else:
                    self._as_it_was()
        except (StepFailed, EngineError) as error:
            self._failed("undo_fail", error)
        else:
            self.save(state="undone")

    def _failed(self, state: str, error: Exception) -> None:
        words = getattr(error, "words", None) or str(error)
        mine = self.step.new_engine_id
        text = ""
        if mine and not (isinstance(error, EngineError) and error.out_of_reach):
            text = retiring.keep_log(self, mine, KeptLog.Why.FAILED)
        self.save(state=state, reason=words, **({"log": text} if text else {}))

    # --- Replace, add, remove -------------------------------------------------------------------------------------------

    def _replace(self) -> None:
        """The new container is made beside the old one, so that what cannot be made stops nothing, and the instance is out
        of service only from the stop of the old to the health of the new. What is left of the old one is tidied up while
        the new one comes up.
        """
        mine, others = self._first_look() if self.fresh else self.look(str(self.step.pk))
        self._claim_state("running")
        if mine is not None and self._left_ill(mine):
            retiring.retire_all(self, [mine])
            mine = None
        made = making.made(self, mine, self.step.image, self.step.config, str(self.step.pk), beside=bool(others))
        if self.step.action == "add":
            first_use.nobody_else_answers(self, made)
        if self.context.order == "start-first" and self.step.action == "replace" and not self.fixed:
            data.save(self, made, others)
            rising.bring_up(self, made)
            self.around.drained(others)
            retiring.retire_all(self, others, state="starting", serves=False)
            naming.take_name(self, made, mine, others)
        else:
            self._stop_all(others)
            data.save(self, made, others)
            rising.up(
                self,
                made,
                announced=self.step.action == "add" and self.fixed and announcing.was_elsewhere(self.instance),
                tidy=lambda: self._tidy(made, mine, others),
            )
        retiring.others_ended(self, made)

    def _first_look(self) -> tuple[Json | None, list[Json]]:
        """Nobody has worked on this step: the rows know what is there, and the engine need not be asked."""
        ids = Container.objects.filter(instance=self.instance, ended=None).values_list("engine_id", flat=True)
        if not ids and self.step.action != "add":
            return self.look(str(self.step.pk))
        return None, [{"Id": engine_id} for engine_id in ids]

    def _left_ill(self, one: Json) -> bool:
        """Whether an earlier try left it like this: somebody asked for another try, and to watch it once more is none."""
        if not self.step.tries or self.step.new_engine_id == one["Id"]:
            return False
        seen = self.inspect(one["Id"])
        return seen is not None and health.shown_state(seen) not in {"healthy", "running"}

    def _claim_state(self, wanted: str) -> None:
        """Notes first what is wanted, so that what follows is no drift."""
        if self.instance.wanted_state != wanted:
            Instance.objects.filter(pk=self.instance.pk).update(wanted_state=wanted)
            self.instance.wanted_state = wanted

    def _stop_all(self, containers: list[Json]) -> None:
        retiring.stop_all(self, containers)

    def _tidy(self, made: str, mine: Json | None, others: list[Json]) -> None:
        for one in others:
            retiring.clear(self, one["Id"])
        naming.take_name(self, made, mine, others)

    def _remove(self) -> None:
        _mine, others = self.look("")
        retiring.retire_all(self, others)
        retiring.others_ended(self, "")

    def _bring_back(self) -> None:
        """Old container still there: it serves again. Gone: made anew from the old image and the old settings."""
        mark = f"{self.step.pk}b"
        mine, others = self.look(mark)
        new = [one for one in others if label(one, spec.STEP) == str(self.step.pk)]
        old = [one for one in others if one not in new]
        if new and not self.step.log:
            self.save(log=retiring.keep_log(self, new[0]["Id"], KeptLog.Why.REPLACED))
        if old and mine is None:
            retiring.retire_all(self, new, state="undoing")
            data.put_back(self, old)
            self._run_old(old)
            return
        retiring.retire_all(self, [*new, *old], state="undoing")
        data.put_back(self, [mine] if mine is not None else [])
        if self.step.old_image is None:
            if mine is not None:
                retiring.retire_all(self, [mine], state="undoing")
            return
        made = making.made(self, mine, self.step.old_image, self.step.old_config, mark, state="undoing")
        rising.bring_up(self, made, state="undoing")
        retiring.others_ended(self, made)

    def _run_old(self, old: list[Json]) -> None:
        keep, *rest = old
        retiring.retire_all(self, rest, state="undoing")
        self.patience.call(self.engine.rename, keep["Id"], self.instance.name)
        retiring.others_ended(self, keep["Id"])
        if self.step.old_wanted_state == "running":
            if (self.times.get("stop") or [0, 0])[1] is None:  # a stop that nobody waited for may still be under way
                self.patience.call(self.engine.stop, keep["Id"], retiring.timeout_of(self, keep["Id"]))
            rising.bring_up(self, keep["Id"], state="undoing")

    # --- Restart, stop, start -------------------------------------------------------------------------------------------

    def _restart(self) -> None:
        there = self.there()
        self._claim_state("running")
        if there is None:
            made = making.made(self, None, self.step.image, self.step.config, str(self.step.pk))
            return rising.bring_up(self, made)
        again = self._left_ill(there)
        if again or "start" not in self.times:  # else a dead process has stopped it already
            self.around.before_stop([there])
            with self.timed("stop", state="stopping"):
                self.point("before stop")
                self.patience.call(self.engine.stop, there["Id"], self.stop_timeout(self.step.old_config))
            self.around.after_stop()
        if again:
            self.save(new_engine_id=there["Id"])  # it is this try's from now on
        return rising.bring_up(self, there["Id"])

    def _stop(self) -> None:
        self._claim_state("stopped")
        there = self.there()
        if there is not None:
            self.around.before_stop([there])
            with self.timed("stop", state="stopping"):
                self.patience.call(self.engine.stop, there["Id"], self.stop_timeout(self.step.old_config))
            self.around.after_stop()
        Instance.objects.filter(pk=self.instance.pk).update(state="stopped", drift=[], drift_since=None)

    def _start(self) -> None:
        there = self.there()
        self._claim_state("running")
        if there is not None and there.get("State") == "running" and self._left_ill(there):
            self.patience.call(self.engine.stop, there["Id"], self.stop_timeout(self.step.config))
            self.save(new_engine_id=there["Id"])
        made = there["Id"] if there else making.made(self, None, self.step.image, self.step.config, str(self.step.pk))
        rising.bring_up(self, made)

    def _as_it_was(self) -> None:
        there = self.there()
        self._claim_state(self.step.old_wanted_state)
        if there is None:
            return
        if self.step.old_wanted_state == "stopped":
            self.around.before_stop([there])
            self.patience.call(self.engine.stop, there["Id"], self.stop_timeout(self.step.old_config))
        else:
            rising.bring_up(self, there["Id"], state="undoing")
