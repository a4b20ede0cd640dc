"""How far events were taken was an event's key; from now on it is a place in the chain."""

from django.db import migrations


def to_places(apps, schema_editor):
    feeds, links = apps.get_model("reviews", "Feed"), apps.get_model("audit", "Link")
    for feed in feeds.objects.all():
        following = links.objects.filter(event_id__gt=feed.position).order_by("position").first()
        last = links.objects.order_by("-position").first()
        # What is looked at twice is taken once.
        feed.position = following.position - 1 if following else last.position if last else 0
        feed.save(update_fields=["position"])


def to_events(apps, schema_editor):
    feeds, links = apps.get_model("reviews", "Feed"), apps.get_model("audit", "Link")
    for feed in feeds.objects.all():
        place = links.objects.filter(position__lte=feed.position).order_by("-position").first()
        feed.position = place.event_id if place else 0
        feed.save(update_fields=["position"])


class Migration(migrations.Migration):
    dependencies = [("reviews", "0001_reviews"), ("audit", "0008_folds")]

    operations = [migrations.RunPython(to_places, to_events)]
