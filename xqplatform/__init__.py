"""The platform. (The Celery application is loaded by `xqplatform.web.apps`, so that the supervisor needs none of it.)"""
