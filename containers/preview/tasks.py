"""Work of the workers for previews. (Listed in `containers.tasks`, where Celery looks.)"""

from __future__ import annotations

from celery import shared_task

from containers.preview import ahead, forgetting


@shared_task(name="containers.tasks.look_ahead", expires=120)
def look_ahead(image: int, old: int | None, hosts: list[int]) -> None:
    """Asks hosts and registry what a release of the image would fetch."""
    ahead.look(image, old, hosts)


@shared_task(name="containers.tasks.tidy_contents", ignore_result=True)
def tidy_contents() -> None:
    """Forgets what was learnt of images that are discarded."""
    forgetting.tidy()
