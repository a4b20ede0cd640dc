from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


def _defaults(**_: Any) -> None:
    from containers.services.catalog import ensure_defaults

    ensure_defaults()


def instances_on(host_id: int) -> int:
    """How many instances stand on a host and keep it from being removed."""
    from containers.models import Instance

    return Instance.objects.filter(host_id=host_id, removed=None).count()


def drain_host(host: Any, reason: str) -> None:
    """Begins to drain a host for an operation on it; one that is drained already is left to that."""
    from containers.services import drains
    from xqplatform.accounts.actor import Actor

    if drains.active_of(host) is None:
        drains.drain(Actor.system("operations"), host, reason)


class ContainersConfig(AppConfig):
    name = "containers"

    def ready(self) -> None:
        post_migrate.connect(_defaults, sender=self, dispatch_uid="containers.defaults")
        from builds import guards, uses
        from builds.badges import services as badges
        from builds.forges import seams
        from containers import (
            alerting,
            audited,
            converge,
            exported,
            happenings,
            holds,
            image_uses,
            leaving,
            measured,
            outside,
            owned,
            places,
            reviewing,
            sudo,
        )  # fmt: skip
        from containers import badges as own_badges
        from containers.automatic import notices as automatic_notices
        from containers.automatic import releasing
        from containers.gates import asking
        from containers.guardrails import approvals, holding
        from containers.hooks import builds as build_hooks
        from containers.notices import asked, words
        from containers.services import publishing
        from containers.traffic import operation, switch  # (the operation registers its kind)
        from containers.trains import keeping
        from containers.views import moves
        from hosts import hooks
        from xqplatform.audit.search import index
        from xqplatform.notices import sources

        owned.register()
        places.register()
        alerting.register()
        reviewing.register()
        index.PLACES.append(audited.where)
        leaving.join()
        sudo.join()
        holds.KEEPS.append(keeping.keeps)
        holds.STILL.append(publishing.holds_still)
        holds.GATES.append(asking.gate)
        sources.register("release", sources.Source(words.words, asked.approvers))
        holds.FREEZES.append(holding.freeze)
        holds.FREEZES.append(approvals.hold)
        hooks.HOST_USERS.append(instances_on)
        hooks.DRAIN.append(drain_host)
        hooks.CONTAINER_HOOKS.append(converge.containers_changed)
        hooks.HOST_REFRESHED.append(converge.host_refreshed)
        hooks.CONTAINER_OWNERS.append(outside.owners)
        hooks.HOST_PANELS.append(moves.panel)
        hooks.HOST_OPERATIONS.append(moves.operation)
        hooks.METRIC_SUBJECTS.append(measured.subjects)
        hooks.METRIC_OOMS.append(measured.killed)
        hooks.METRIC_RESTARTS.append(happenings.restarted)
        exported.register()
        holds.SWITCHES.append(switch.switch)
        build_hooks.register()
        automatic_notices.register()
        seams.RELEASES.append(releasing.release)
        badges.MORE.append(own_badges.more)
        assert operation.KIND  # importing it registered it
        uses.USES.append(image_uses.uses)
        uses.NEXT.append(image_uses.nexts)
        guards.DISCARD_GUARDS.append(converge.keeps_image)
        guards.DISCARD_GUARDS.append(keeping.keeps_image)
        guards.RUNNING_WORDS.append(converge.running_words)
