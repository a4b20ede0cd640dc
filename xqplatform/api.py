"""The REST API."""

from ninja import NinjaAPI

from builds.api import router as builds
from containers.api import router as containers
from hosts.api import router as hosts

api = NinjaAPI(title="xqplatform", version="1", urls_namespace="api")
api.add_router("/v1/", hosts)
api.add_router("/v1/", builds)
api.add_router("/v1/", containers)
