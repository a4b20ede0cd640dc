from django.apps import AppConfig


class ReviewsConfig(AppConfig):
    name = "xqplatform.audit.reviews"
    label = "reviews"
