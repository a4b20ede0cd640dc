"""What was learnt of images goes with them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from builds.models import Image
from containers.models import ImageContents
from containers.preview import forgetting
from containers.preview.pulls import key_of
from tests import factories

pytestmark = pytest.mark.django_db


def test_contents_of_discarded_images_are_forgotten_a_day_later() -> None:
    place = factories.make_running_place("ant", "production", 1)
    kept, gone = (factories.make_image(place.service.project) for _n in range(2))
    long_ago = timezone.now() - timedelta(days=2)
    for image in (kept, gone):
        ImageContents.objects.create(key=key_of(image), asked=long_ago, done=True)
    ImageContents.objects.create(key="sha256:just asked", asked=timezone.now())
    assert forgetting.tidy() == 0
    gone.state = Image.State.DISCARDED
    gone.save()
    assert forgetting.tidy() == 1
    assert set(ImageContents.objects.values_list("key", flat=True)) == {key_of(kept), "sha256:just asked"}
